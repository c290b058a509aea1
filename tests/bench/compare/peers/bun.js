// Bun's own server, which is uWebSockets; the chat is a topic of its.

const { PORT, DEFLATE, CERT, KEY } = process.env;

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(PORT),
  tls: CERT ? { cert: Bun.file(CERT), key: Bun.file(KEY) } : undefined,
  fetch(request, server) {
    const room = new URL(request.url).pathname === '/chat' ? 'chat' : null;
    if (server.upgrade(request, { data: { room } })) return undefined;
    return new Response('WebSocket only', { status: 426 });
  },
  websocket: {
    perMessageDeflate: DEFLATE === '1',
    open(socket) {
      if (socket.data.room) socket.subscribe(socket.data.room);
    },
    message(socket, message) {
      // `publish` of a socket goes to all others.
      if (socket.data.room) socket.publish(socket.data.room, message);
      else socket.send(message, DEFLATE === '1');
    },
  },
});
