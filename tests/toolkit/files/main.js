const core = require('@actions/core');
const exec = require('@actions/exec');
const glob = require('@actions/glob');
const io = require('@actions/io');
const tools = require('@actions/tool-cache');
const fs = require('fs');
const path = require('path');

async function main() {
  const { stdout, exitCode } = await exec.getExecOutput('sh', ['-c', 'printf "%s|%s" "$1" "$PWD"; exit 3', 'sh', 'a b'],
                                                        { ignoreReturnCode: true, silent: true });
  core.setOutput('printed', `${exitCode}:${stdout.replace(process.env.GITHUB_WORKSPACE, 'WORKSPACE')}`);

  await io.mkdirP('made/deep');
  fs.writeFileSync('made/deep/one.txt', 'one');
  await io.cp('made/deep/one.txt', 'made/two.txt');
  await io.which('sh', true);
  const found = await (await glob.create('made/**/*.txt')).glob();
  core.setOutput('found', found.map((file) => path.relative('.', file)).sort().join(','));
  core.setOutput('hash', await glob.hashFiles('made/**/*.txt'));

  await tools.cacheDir('made', 'made-tool', '1.2.3');
  const kept = tools.find('made-tool', '1.x');
  core.setOutput('tool', path.relative(process.env.RUNNER_TOOL_CACHE, kept));
}

main().catch((error) => core.setFailed(error));
