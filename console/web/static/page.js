// Keeps the page current: the server sends its changing part whenever that is another one.
"use strict";

const button = document.getElementById("refresh");
const connection = document.getElementById("connection");
const part = document.getElementById("live");
let source = null;
let wanted = true;

// Make one node like another, and keep what is the same: focus, selection and scrolling stay.
function become(node, other) {
  for (const { name } of [...node.attributes]) {
    if (!other.hasAttribute(name)) node.removeAttribute(name);
  }
  for (const { name, value } of [...other.attributes]) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  if (node.localName === "progress") node.value = Number(other.getAttribute("value"));
  alike(node, other);
}

function alike(parent, other) {
  const news = [...other.childNodes];
  for (const [at, child] of news.entries()) {
    const old = parent.childNodes[at];
    if (!old) parent.append(child.cloneNode(true));
    else if (old.nodeType !== child.nodeType || old.nodeName !== child.nodeName) old.replaceWith(child.cloneNode(true));
    else if (old.nodeType === Node.ELEMENT_NODE) become(old, child);
    else if (old.data !== child.data) old.data = child.data;
  }
  while (parent.childNodes.length > news.length) parent.lastChild.remove();
}

function announce(text) {
  if (connection.textContent !== text) connection.textContent = text;
}

function open() {
  if (source || !wanted || document.hidden) return;
  source = new EventSource(button.dataset.stream);
  source.addEventListener("page", (event) => {
    const made = document.createElement("template");
    made.innerHTML = JSON.parse(event.data);
    alike(part, made.content);
    announce("");
  });
  source.addEventListener("error", () => {
    announce("No connection: the figures are old. Trying again.");
    // A browser gives up after an answer that is no stream.
    if (source && source.readyState === EventSource.CLOSED) {
      close();
      setTimeout(open, 10000);
    }
  });
}

function close() {
  if (source) source.close();
  source = null;
}

if (button && part) {
  button.hidden = false;
  button.addEventListener("click", () => {
    wanted = !wanted;
    button.setAttribute("aria-pressed", String(wanted));
    button.textContent = wanted ? "Live" : "Paused";
    announce(wanted ? "" : "Paused: the figures stay as they are.");
    if (wanted) open();
    else close();
  });
  // A hidden tab holds no connection: a browser has six for a server.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
}
