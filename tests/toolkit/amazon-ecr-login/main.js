const core = require('@actions/core');
const exec = require('@actions/exec');
const { ECRClient, GetAuthorizationTokenCommand } = require('@aws-sdk/client-ecr');

async function main() {
  const loggedIn = core.getState('registry');
  if (loggedIn !== '') {
    if (core.getInput('skip-logout') !== 'true') await exec.exec('docker', ['logout', loggedIn]);
    return;
  }
  const { authorizationData } = await new ECRClient({}).send(new GetAuthorizationTokenCommand({}));
  const [user, password] = Buffer.from(authorizationData[0].authorizationToken, 'base64').toString().split(':');
  core.setSecret(password);
  const registry = authorizationData[0].proxyEndpoint.replace(/^https?:\/\//, '');
  await exec.exec('docker', ['login', '--username', user, '--password-stdin', registry], { input: Buffer.from(password) });
  core.saveState('registry', registry);
  core.setOutput('registry', registry);
}

main().catch((error) => core.setFailed(error));
