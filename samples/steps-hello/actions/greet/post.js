console.log(`${process.env.STATE_greeted} has been greeted`)
