// ws, the WebSocket library of Node.js, with bufferutil for its masks.
'use strict';

const fs = require('fs');
const http = require('http');
const https = require('https');
const { WebSocket, WebSocketServer } = require('ws');

const { PORT, DEFLATE, CERT, KEY } = process.env;
const options = { noServer: true, perMessageDeflate: DEFLATE === '1' };
const echo = new WebSocketServer(options);
const chat = new WebSocketServer(options);

echo.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});

chat.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => {
    for (const client of chat.clients) {
      if (client !== socket && client.readyState === WebSocket.OPEN) {
        client.send(data, { binary: isBinary });
      }
    }
  });
});

const server = CERT
  ? https.createServer({ cert: fs.readFileSync(CERT), key: fs.readFileSync(KEY) })
  : http.createServer();
server.on('upgrade', (request, socket, head) => {
  const target = request.url === '/chat' ? chat : echo;
  target.handleUpgrade(request, socket, head, (one) => target.emit('connection', one, request));
});
server.listen(Number(PORT), '127.0.0.1');
