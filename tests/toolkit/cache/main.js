const core = require('@actions/core');
const cache = require('@actions/cache');

async function main() {
  if (!cache.isFeatureAvailable()) throw new Error('no cache service');
  const found = await cache.restoreCache([core.getInput('path')], core.getInput('key'), core.getMultilineInput('restore-keys'));
  core.setOutput('found', found ?? '');
  core.setOutput('cache-hit', found === core.getInput('key'));
}

main().catch((error) => core.setFailed(error));
