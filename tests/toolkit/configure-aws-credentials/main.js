const core = require('@actions/core');
const { STSClient, AssumeRoleCommand, GetCallerIdentityCommand } = require('@aws-sdk/client-sts');

const kNames = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_REGION', 'AWS_DEFAULT_REGION'];

async function main() {
  if (core.getState('done') !== '') {
    for (const name of kNames) core.exportVariable(name, '');
    return;
  }
  core.saveState('done', 'yes');
  const region = core.getInput('aws-region', { required: true });
  const answer = await new STSClient({ region }).send(new AssumeRoleCommand({
    RoleArn: core.getInput('role-to-assume', { required: true }),
    RoleSessionName: core.getInput('role-session-name'),
  }));
  const { AccessKeyId, SecretAccessKey, SessionToken } = answer.Credentials;
  for (const secret of [AccessKeyId, SecretAccessKey, SessionToken]) core.setSecret(secret);
  const values = [AccessKeyId, SecretAccessKey, SessionToken, region, region];
  kNames.forEach((name, i) => core.exportVariable(name, values[i]));
  const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  const who = await new STSClient({ region, credentials }).send(new GetCallerIdentityCommand({}));
  core.info(`Authenticated as ${who.Arn}`);
  if (core.getInput('mask-aws-account-id') === 'true') core.setSecret(who.Account);
  core.setOutput('aws-account-id', who.Account);
}

main().catch((error) => core.setFailed(error));
