// blocks - the pieces of code in a README: those indented by four spaces, and those
// between fences.
'use strict';

const fs = require('fs');
const path = require('path');
const { root } = require('./paths');

const FENCE = /^\s*```(\w*)$/;

class Reader {
  constructor(file) {
    this.file = file;
    this.found = [];
    this.block = null;
    this.fence = null; // the word behind the fence that is open
  }

  add(line, text, kind) {
    if (!this.block) {
      this.block = { file: this.file, line, kind, lines: [] };
      this.found.push(this.block);
    }
    this.block.lines.push(text);
  }

  take(text, line, wasBlank) {
    const fence = text.match(FENCE);
    if (fence) {
      this.fence = this.fence === null ? fence[1] : null;
      this.block = null;
    } else if (this.fence !== null) {
      this.add(line, text, this.fence);
    } else if (text.startsWith('    ') && (this.block || wasBlank)) {
      this.add(line, text.slice(4), '');
    } else if (text === '' && this.block) {
      this.block.lines.push('');
    } else {
      this.block = null;
    }
  }
}

// Those of a file below the root: [{ file, line, kind, text, where }]. `kind` is the word
// behind the fence, or "".
function blocksOf(file) {
  const reader = new Reader(file);
  let before = '';
  fs.readFileSync(path.join(root, file), 'utf8').split('\n').forEach((text, i) => {
    reader.take(text, i + 1, before === '');
    before = text;
  });
  return reader.found.map(({ lines, ...block }) => ({
    ...block,
    text: `${lines.join('\n').trimEnd()}\n`,
    where: `${file}:${block.line}`,
  }));
}

module.exports = { blocksOf };
