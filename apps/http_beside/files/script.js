"use strict";

const show = (id, text) => { document.getElementById(id).textContent = text; };

const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(`${scheme}//${location.host}/visits`);
socket.onmessage = (event) => show("visits", event.data);
socket.onclose = () => show("visits", "not connected");

async function askHealth() {
  const answer = await fetch("healthz");
  show("health", JSON.stringify(await answer.json()));
}

async function sendJson(text) {
  const answer = await fetch("api/echo", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: text,
  });
  show("echo", `${answer.status} ${await answer.text()}`);
}

document.getElementById("form").addEventListener("submit", (event) => {
  event.preventDefault();
  sendJson(document.getElementById("json").value).catch((error) => show("echo", String(error)));
});

askHealth().catch((error) => show("health", String(error)));
