// exempt - the tests that cannot hold under short I/O, each with the reason. Whole
// names; a name that no test has is an error.
'use strict';

module.exports = [
  { name: 'components: raw TCP: bytes as they come, onClose with 1000, no WebSocket members',
    why: 'its app answers each piece that comes, and more pieces come' },
  { name: 'connect: an upstream that dies is noticed',
    why: 'a peer that takes output which had to wait is alive; here every ping has to wait' },
  { name: 'apps: website_chatroom: nobody is in more than 20 rooms, nobody floods',
    why: 'it counts the answers of one burst, and the time of the burst adds to its limit' },
  { name: 'testing: the kit passes its own specs, the same in virtual time and through TCP',
    why: 'through TCP, two of its specs measure the bandwidth of a slow client, and '
      + 'one wants keep-alive to lose a client, as above' },
  { name: 'redis: redis: commands of one turn go out together',
    why: 'it counts how often Redis had to read' },
  { name: 'tools: bench: figures of an echo, as text and as JSON',
    why: 'it measures a rate' },
  ...['proxy: with 64 descriptors everybody is told 503, however many come',
    'proxy: with the descriptors used up by the app everybody is told 503',
    'command: a server out of descriptors sheds load and recovers'].map((name) => (
    { name,
      why: 'who is refused beside eight others is told so by one write, and three bytes of it go out' })),
  { name: "waiting: luv timers and fs callbacks work on the server's loop",
    why: 'its app reads a file by one fs_read' },
];
