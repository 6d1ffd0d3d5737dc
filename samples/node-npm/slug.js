'use strict';

/** The last part of a web address for `title`: lower case, words joined by hyphens, marks above letters dropped. */
module.exports = function slug(title) {
  return title
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '');
};
