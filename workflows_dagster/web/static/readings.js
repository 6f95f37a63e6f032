// Judges a typed reading before it is stored, stores it, takes it back; without reception it waits in the browser.
"use strict";

const KEY = "utility-meters-waiting";
const box = document.getElementById("waiting");
const texts = box.dataset;
const language = document.documentElement.lang;

const waiting = () => JSON.parse(localStorage.getItem(KEY) || "[]");
const keep = (list) => localStorage.setItem(KEY, JSON.stringify(list));
const shown = (one) => `${one.name}: ${one.body.value} (${new Date(one.body.time).toLocaleString(language)})`;

const post = (url, body) =>
  fetch(url, { method: "POST", headers: { "Content-Type": "application/json", "Accept-Language": language }, body: JSON.stringify(body) });

const line = (text) => {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
};
const button = (text, action, kind = "quiet") => {
  const made = document.createElement("button");
  made.type = "button";
  made.className = kind;
  made.textContent = text;
  made.addEventListener("click", action);
  return made;
};

const show = (messages = []) => {
  const list = waiting();
  box.replaceChildren(...messages.map(line));
  if (list.length) {
    box.append(line(texts.waiting));
    for (const one of list) {
      const row = line(`${shown(one)}${one.problem ? ` – ${one.problem}` : ""} `);
      if (one.problem) row.append(button(texts.confirm, () => send(one, true)), " ");
      row.append(button(texts.drop, () => { keep(waiting().filter((other) => other.id !== one.id)); show(); }));
      box.append(row);
    }
  }
  box.hidden = !box.childNodes.length;
};

// The instant is part of the reading, so a repeat after an answer that got lost changes nothing.
const send = async (one, sure = false) => {
  let answer;
  try {
    answer = await post(`${one.url}?on_conflict=refuse${sure ? "&implausible=store" : ""}`, one.body);
  } catch {
    return false;
  }
  if (answer.status >= 500 || answer.status === 401 || answer.status === 429) return false;
  const said = await answer.json();
  if (answer.ok) {
    keep(waiting().filter((other) => other.id !== one.id));
    show([texts.sent.replace("{reading}", shown(one))]);
  } else {
    const problem = said.verdicts ? said.verdicts[0].detail : said.detail;
    keep(waiting().map((other) => (other.id === one.id ? { ...other, problem } : other)));
    show();
  }
  return true;
};

let sending = false;
const sendAll = async () => {
  if (sending || !navigator.onLine) return;
  sending = true;
  try {
    for (const one of waiting().filter((each) => !each.problem)) if (!(await send(one))) break;
  } finally {
    sending = false;
  }
};

const entered = (form) => {
  const fields = new FormData(form);
  const body = { value: fields.get("value").trim() };
  body.time = fields.get("time").trim() || new Date(Math.floor(Date.now() / 60000) * 60000).toISOString();
  if (fields.get("note").trim()) body.note = fields.get("note").trim();
  return body;
};

const store = async (form, sure) => {
  const url = form.dataset.api;
  const verdict = form.querySelector(".verdict");
  const body = entered(form);
  const query = sure ? "?implausible=store&on_conflict=replace" : "";
  let answer;
  try {
    answer = await post(url + query, body);
  } catch {
    keep([...waiting(), { id: `${Date.now()}-${Math.random()}`, url, name: form.dataset.name, body }]);
    form.reset();
    verdict.textContent = texts.offline;
    show();
    return;
  }
  if (answer.status === 401) { location.href = "/sign-in?next=/readings"; return; }
  const said = await answer.json();
  const one = said.verdicts ? said.verdicts[0] : null;
  verdict.replaceChildren();
  if (one && (one.verdict === "stored" || one.verdict === "same")) {
    verdict.textContent = `${one.verdict === "stored" ? texts.stored : ""} ${one.detail} `;
    form.reset();
    if (one.verdict === "stored") verdict.append(button(texts.undo, () => undo(form, url, one.time)));
  } else {
    verdict.textContent = `${one ? one.detail : said.detail} `;
    if (one) verdict.append(button(texts.confirm, () => store(form, true), "grave"));
  }
};

const undo = async (form, url, time) => {
  const answer = await fetch(`${url}?time=${encodeURIComponent(time)}`, { method: "DELETE" });
  form.querySelector(".verdict").textContent = answer.ok ? texts.undone : (await answer.json()).detail;
};

for (const form of document.querySelectorAll("form.entry")) {
  form.addEventListener("submit", (event) => {
    // A photo goes the way of the form, which takes files.
    if (event.submitter?.name === "confirmed" || form.querySelector("[type=file]").files.length) return;
    event.preventDefault();
    store(form, false);
  });
}
addEventListener("online", sendAll);
setInterval(sendAll, 20000);
show();
sendAll();
