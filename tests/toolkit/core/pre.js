const core = require('@actions/core');

core.info(`pre: ${core.getInput('greeting')}`);
core.saveState('early', 'with pre');
