// Main and post in one program, told apart by the state, as in published actions.
const core = require('@actions/core');

async function main() {
  if (core.getState('greeting') !== '') {
    core.info(`post: ${core.getState('greeting')}, ${core.getState('early') || 'no pre'}`);
    return;
  }
  const greeting = core.getInput('greeting');
  const secret = core.getInput('secret');
  core.saveState('greeting', `goodbye after ${greeting}`);
  if (secret !== '') core.setSecret(secret);
  await core.group('Greeting', async () => core.info(`${greeting} ${secret}`));
  core.setOutput('said', greeting);
  core.setOutput('object', { greeting, length: greeting.length });
  core.exportVariable('GREETING', `${greeting}\nsecond line`);
  core.addPath(`${process.env.RUNNER_TEMP}/greeting-bin`);
  core.notice('a notice', { title: 'T: 1, 2', file: 'main.js', startLine: 3 });
  core.warning('100% of\ntwo lines');
  core.debug('not shown');
  await core.summary.addHeading('Greeting').addRaw(greeting, true).write();
  if (core.getInput('fail') !== '') core.setFailed(core.getInput('fail'));
}

main();
