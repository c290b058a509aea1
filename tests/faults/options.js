// options - the command line of the programs in this folder: what is wrong with it is
// said, with the usage behind it, and is exit status 2.
'use strict';

const { parseArgs } = require('util');

function refuse(message, usage) {
  console.error(`${message}\n${usage}`);
  process.exit(2);
}

// The values of `options` (as parseArgs takes them), and `wanted`: the words behind them.
function readOptions(options, usage) {
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    return { ...values, wanted: positionals };
  } catch (error) {
    return refuse(error.message, usage);
  }
}

// The option of that name as a number.
function number(values, name, least, most, usage) {
  const value = Number(values[name]);
  if (value >= least && value <= most) return value;
  return refuse(`--${name} is a number from ${least} to ${most}, not "${values[name]}"`, usage);
}

module.exports = { number, readOptions };
