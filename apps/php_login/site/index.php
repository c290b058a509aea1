<?php
// The site: it logs people in by a name (and no password, as this is an example), and
// shows the chat to those who are. What it puts into the session is all that the chat knows.

session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Lax', 'use_strict_mode' => true]);

function is_name($name) {
    return is_string($name) && strlen($name) <= 30 && preg_match('/^[^\p{C}]*[^\p{C}\s][^\p{C}]*$/u', $name);
}

// Only a page of our own may post (cookies with SameSite=Lax are not sent with others).
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    if (isset($_POST['logout'])) {
        session_destroy();
    } elseif (is_name($_POST['name'] ?? null)) {
        session_regenerate_id(true);
        $_SESSION = ['user' => $_POST['name'], 'said' => 0];
    }
    header('Location: /', true, 303);
    exit;
}

$user = $_SESSION['user'] ?? null;
$said = $_SESSION['said'] ?? 0;
session_write_close(); // the chat waits while a page holds the session
$chat = getenv('CHAT') ?: 'ws://localhost:8080/chat';
?>
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Chat behind a login</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; }
  body { max-width: 40rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.45 system-ui, sans-serif; }
  input, button { font: inherit; padding: .4rem .6rem; }
  form { margin: 1rem 0; display: flex; gap: .5rem; }
  #text { flex: 1; }
  #messages { list-style: none; padding: 0; min-height: 10rem; overflow-wrap: anywhere; }
</style>
</head>
<body>
<?php if ($user === null): ?>
<h1>Who are you?</h1>
<form method="post">
  <input id="name" name="name" maxlength="30" required autofocus aria-label="Your name">
  <button>Log in</button>
</form>
<?php else: ?>
<h1>Chat</h1>
<p>You are <b id="user"><?= htmlspecialchars($user) ?></b>. When this page was made you had said
<b id="said"><?= (int) $said ?></b> things. <span id="status" role="status">Connecting…</span></p>
<ol id="messages"></ol>
<form id="say"><input id="text" maxlength="500" autocomplete="off" autofocus aria-label="Message">
  <button>Say</button></form>
<form method="post"><button name="logout" value="1">Log out</button></form>
<script>
  const byId = (id) => document.getElementById(id);
  const socket = new WebSocket(<?= json_encode($chat, JSON_HEX_TAG) ?>);
  socket.onopen = () => { byId('status').textContent = 'Connected.'; };
  socket.onclose = (event) => {
    byId('status').textContent = event.code === 4001 ? 'You were logged out.' : 'Not connected.';
  };
  socket.onmessage = (event) => {
    const line = document.createElement('li');
    line.textContent = event.data;
    byId('messages').append(line);
  };
  byId('say').onsubmit = (event) => {
    event.preventDefault();
    if (byId('text').value.trim() && socket.readyState === WebSocket.OPEN) socket.send(byId('text').value);
    byId('text').value = '';
  };
</script>
<?php endif ?>
</body>
</html>
