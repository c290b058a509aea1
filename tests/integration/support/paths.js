// paths - where things are.
'use strict';

const path = require('path');

const root = path.join(__dirname, '..', '..', '..');

module.exports = {
  root,
  apps: path.join(root, 'apps'),
  lua: path.join(root, 'lua'),
  binary: process.env.RATCHET_LUA
    ? path.resolve(process.env.RATCHET_LUA)
    : path.join(root, 'build', 'ratchet-lua'),
};
