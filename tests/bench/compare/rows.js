// rows - what is measured, in the order of the table.
'use strict';

// `load` is what tests/bench/support/load is told, `unit` what it counts.
module.exports = [
  { name: 'echo', title: 'echo, 64 × 20 B', unit: 'messages', load: 'echo --size 20' },
  { name: 'deep', title: 'the same, 16 on their way on each', unit: 'messages',
    load: 'echo --size 20 --depth 16' },
  { name: '1k', title: 'echo, 64 × 1 KiB', unit: 'messages', load: 'echo --size 1024' },
  { name: '64k', title: 'echo, 16 × 64 KiB', unit: 'messages',
    load: 'echo --size 65536 --conns 16' },
  { name: '1000', title: 'echo, 1,000 × 20 B', unit: 'messages',
    load: 'echo --size 20 --conns 1000' },
  { name: 'chat', title: 'chat of 1,000, 1 sender', unit: 'deliveries', isChat: true,
    load: 'chat --size 64 --conns 1000' },
  { name: 'chat16', title: 'chat of 1,000, 16 senders', unit: 'deliveries', isChat: true,
    load: 'chat --size 64 --conns 1000 --senders 16' },
  { name: 'churn', title: 'connect, echo, close', unit: 'rounds', load: 'churn --size 20' },
  { name: 'deflate', title: 'echo of 1 KiB of JSON, compressed', unit: 'messages',
    isDeflated: true, load: 'echo --size 1024 --deflate' },
  { name: 'wss', title: 'wss echo, 64 × 20 B', unit: 'messages', isSecure: true,
    load: 'echo --size 20 --tls' },
  { name: 'idle', title: 'memory of an idle connection', unit: 'bytes', isIdle: true,
    load: 'idle --size 20 --conns 8000' },
];
