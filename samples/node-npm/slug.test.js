'use strict';
const assert = require('node:assert');
const test = require('node:test');
const slug = require('./slug.js');

test('joins words', () => assert.strictEqual(slug('Hello,  World!'), 'hello-world'));
test('drops marks', () => assert.strictEqual(slug('Crème brûlée'), 'creme-brulee'));
test('keeps digits', () => assert.strictEqual(slug('1984'), '1984'));
