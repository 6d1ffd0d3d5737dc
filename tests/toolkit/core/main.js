// One program for all three stages: what tells them apart is the state, as in published actions.
const core = require('@actions/core');

async function main() {
  const stage = core.getState('stage');
  if (stage === '') {
    core.saveState('stage', 'pre');
    core.info('pre: nothing is kept yet');
    return;
  }
  if (stage === 'main') {
    core.info(`post: ${core.getState('greeting')}`);
    return;
  }
  core.saveState('stage', 'main');
  core.saveState('greeting', `goodbye\nafter ${core.getInput('greeting')}`);
  const greeting = core.getInput('greeting');
  const secret = core.getInput('secret');
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
