const core = require('@actions/core');
const cache = require('@actions/cache');

cache.saveCache([core.getInput('path')], core.getInput('key'))
    .then((id) => core.info(id > 0 ? 'saved' : 'not saved'))
    .catch((error) => core.setFailed(error));
