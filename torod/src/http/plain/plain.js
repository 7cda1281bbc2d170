// The script of the small admin page: setup, login, a first look. Texts only ever become text, never markup.
"use strict";

const $ = (id) => document.getElementById(id);
const parts = ["setup", "made", "login", "home"];

function show(part) {
  for (const id of parts) $(id).hidden = id !== part;
  $(part).querySelector("input, button")?.focus();
}

function tell(problem) {
  $("problem").hidden = !problem;
  $("problem").textContent = problem ?? "";
}

async function ask(method, path, body) {
  const options = { method, headers: { accept: "application/json" }, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const answer = await fetch("/admin/api/" + path, options);
  const text = await answer.text();
  const value = text ? JSON.parse(text) : null;
  if (!answer.ok) {
    const error = new Error(value?.error ? `${value.error.message} ${value.error.advice}` : `Status ${answer.status}`);
    error.status = answer.status;
    throw error;
  }
  return value;
}

function on(form, act) {
  $(form).addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = event.target.querySelector("button");
    button.disabled = true;
    tell();
    try {
      await act(Object.fromEntries(new FormData(event.target)));
      event.target.reset();
    } catch (error) {
      tell(error.message);
    } finally {
      button.disabled = false;
    }
  });
}

function made(token, then) {
  $("key").textContent = token.key;
  $("go").onclick = () => {
    $("key").textContent = "";
    then();
  };
  $("copy").onclick = () => navigator.clipboard?.writeText(token.key);
  show("made");
}

on("setup-form", async ({ code, name }) => {
  const wanted = {};
  if (document.body.dataset.state === "code") wanted.code = code;
  if (name) wanted.name = name;
  const token = await ask("POST", "setup", wanted);
  document.body.dataset.state = "closed";
  made(token, async () => {
    try {
      await ask("POST", "login", { key: token.key });
    } catch (error) {
      tell(error.message);
    }
    start();
  });
});

on("login-form", async ({ key }) => {
  await ask("POST", "login", { key: key.trim() });
  await start();
});

on("token-form", async ({ name, role }) => {
  made(await ask("POST", "tokens", name ? { name, role } : { role }), start);
});

$("logout").addEventListener("click", async () => {
  await ask("POST", "logout").catch((error) => tell(error.message));
  start();
});

function row(cells) {
  const line = document.createElement("tr");
  for (const cell of cells) line.appendChild(document.createElement("td")).textContent = cell;
  return line;
}

async function home(me) {
  $("who").textContent = me.name;
  $("role").textContent = me.role;
  const used = me.usage_today;
  const tokens = used.input_uncached + used.cache_read + used.cache_write + used.output;
  const usd = ((used.cost_nanos + used.unpriced_nanos) / 1e9).toFixed(2);
  $("today").textContent = `${used.requests} requests, ${tokens.toLocaleString("en")} tokens, ${usd} US dollars with this key.`;
  $("make").hidden = me.role === "inferrer";
  for (const option of document.querySelectorAll("option.admin")) option.hidden = me.role !== "admin";
  show("home");
  const health = await fetch("/health", { cache: "no-store" }).then((answer) => answer.json()).catch(() => null);
  const why = health?.reason ? `: ${health.reason}` : "";
  $("state").textContent = health ? `torod ${health.version}: ${health.status}${why}.` : "The gateway does not answer.";
  if (me.role !== "admin") return;
  const { providers } = await ask("GET", "providers").catch(() => ({ providers: [] }));
  const body = $("providers").querySelector("tbody");
  body.replaceChildren(...providers.map((one) => row([one.name, one.state ?? "", one.models ?? ""])));
  $("providers").hidden = providers.length === 0;
}

async function start() {
  if (document.body.dataset.state !== "closed") return show("setup");
  try {
    await home(await ask("GET", "me"));
  } catch (error) {
    if (error.status !== 401) tell(error.message);
    show("login");
  }
}

start();
