const core = require('@actions/core');
const fs = require('fs');
const path = require('path');
const { DefaultArtifactClient } = require('@actions/artifact');

async function main() {
  const client = new DefaultArtifactClient();
  const name = core.getInput('name');
  const directory = path.resolve(core.getInput('path'));
  switch (core.getInput('do')) {
    case 'upload': {
      const files = fs.readdirSync(directory, { recursive: true, withFileTypes: true })
                        .filter((entry) => entry.isFile())
                        .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
      const { id, digest } = await client.uploadArtifact(name, files, directory);
      core.setOutput('id', id);
      core.setOutput('digest', digest);
      break;
    }
    case 'download': {
      const { artifact } = await client.getArtifact(name);
      const { digestMismatch } = await client.downloadArtifact(artifact.id, { path: directory, expectedHash: artifact.digest });
      if (digestMismatch) throw new Error('another digest');
      break;
    }
    case 'delete':
      await client.deleteArtifact(name);
      break;
  }
  const { artifacts } = await client.listArtifacts();
  core.setOutput('names', artifacts.map((artifact) => artifact.name).sort().join(','));
}

main().catch((error) => core.setFailed(error));
