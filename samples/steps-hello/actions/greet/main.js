const fs = require('fs')

const greeting = `Hello, ${process.env.INPUT_WHO}!`
console.log(greeting)
console.log('::notice title=greet::somebody was greeted')
fs.appendFileSync(process.env.GITHUB_OUTPUT, `greeting=${greeting}\n`)
fs.appendFileSync(process.env.GITHUB_STATE, `greeted=${process.env.INPUT_WHO}\n`)
