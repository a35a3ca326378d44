"use strict";
(function () {
  const quiz = JSON.parse(document.getElementById("quiz").textContent);
  const place = "suffice-quiz-" + quiz.id;
  const el = (id) => document.getElementById(id);
  const many = quiz.choices.length > 10;
  const SETTLE = 150; // ms: an answer before the picture is really seen was meant for the last one
  let state = null;
  let shown = null; // what is on the screen: when it came up, and whether the viewer was away
  let kept = true;

  function load() {
    try {
      const found = JSON.parse(localStorage.getItem(place));
      return found && Array.isArray(found.order) && Array.isArray(found.answers) ? found : null;
    } catch (error) {
      kept = kept && !(error instanceof DOMException);
      return null;
    }
  }

  function keep() {
    try {
      localStorage.setItem(place, JSON.stringify(state));
    } catch (error) {
      kept = false;
    }
    if (!kept) {
      el("problem").textContent =
        "This browser keeps nothing for this page: please finish without closing or reloading it.";
      el("problem").hidden = false;
    }
  }

  function random(below) {
    const limit = Math.floor(4294967296 / below) * below;
    const word = new Uint32Array(1);
    do {
      crypto.getRandomValues(word);
    } while (word[0] >= limit);
    return word[0] % below;
  }

  function token() {
    const words = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(words, (b) => b.toString(16).padStart(2, "0")).join("");
  }

  function begin(code) {
    const asked = Number((/(?:^#|&)group=(\d+)$/.exec(location.hash) || [])[1]);
    const group = asked >= 1 && asked <= quiz.groups ? asked - 1 : random(quiz.groups);
    const order = quiz.slots.map((_, k) => k);
    for (let k = order.length - 1; k > 0; k -= 1) {
      const other = random(k + 1);
      [order[k], order[other]] = [order[other], order[k]];
    }
    state = { participant: token(), code: code, group: group, order: order, answers: [] };
    state.practised = false;
    state.started = new Date().toISOString();
    state.finished = null;
    keep();
  }

  function screen(name) {
    for (const id of ["start", "ask", "between", "end"]) el(id).hidden = id !== name;
    const heading = el(name).querySelector("h1");
    heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  function fit() {
    const [height, width] = quiz.size;
    const room = Math.min(document.documentElement.clientWidth - 32, 512);
    const tall = Math.max(window.innerHeight * (window.innerWidth < 500 ? 0.42 : 0.5), 160);
    const scale = Math.min(room / width, tall / height);
    const factor = scale >= 2 ? Math.floor(scale) : scale; // whole: all pixels of one size
    el("picture").style.width = Math.round(width * factor) + "px";
    el("picture").style.height = Math.round(height * factor) + "px";
  }

  async function show(source, heading, done) {
    shown = null;
    el("heading").textContent = heading;
    el("bar").setAttribute("aria-valuemax", quiz.slots.length);
    el("bar").setAttribute("aria-valuenow", done);
    el("bar").firstElementChild.style.width = (100 * done) / quiz.slots.length + "%";
    const picture = el("picture");
    picture.src = "data:image/png;base64," + source;
    picture.alt = heading + ": a part of the photo, the rest is one flat colour";
    el("filter").value = "";
    filter();
    screen("ask");
    fit();
    try {
      await picture.decode();
    } catch (error) {
      el("problem").textContent = "This browser can't show the photo.";
      el("problem").hidden = false;
    }
    requestAnimationFrame((now) => {
      shown = { since: now, away: document.hidden };
    });
  }

  function next() {
    const done = state.answers.length;
    if (!state.practised) {
      show(quiz.practice, "For practice", 0);
    } else if (done < state.order.length) {
      const item = quiz.slots[state.order[done]][state.group];
      show(item.png, "Photo " + (done + 1) + " of " + state.order.length, done);
    } else {
      finish();
    }
  }

  function answer(choice) {
    if (!shown || performance.now() - shown.since < SETTLE || el("ask").hidden) return;
    const ms = Math.round(performance.now() - shown.since);
    if (!state.practised) {
      state.practised = true;
      shown = null;
      keep();
      screen("between");
      return;
    }
    const slot = state.order[state.answers.length];
    const made = { item: quiz.slots[slot][state.group].id, choice: choice, ms: ms };
    if (shown.away) made.away = true;
    shown = null;
    state.answers.push(made);
    if (state.answers.length === state.order.length) state.finished = new Date().toISOString();
    keep();
    next();
  }

  function result() {
    return JSON.stringify({
      kind: "suffice quiz answers", format: 1, quiz: quiz.id, participant: state.participant,
      code: state.code, group: state.group + 1, started: state.started, finished: state.finished,
      answers: state.answers,
    });
  }

  function finish() {
    el("total").textContent = state.order.length;
    el("text").value = result();
    screen("end");
  }

  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([result() + "\n"], { type: "application/json" }));
    link.download = "answers-" + state.participant.slice(0, 8) + ".json";
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  async function copy() {
    el("text").select();
    let copied = false;
    try {
      await navigator.clipboard.writeText(el("text").value);
      copied = true;
    } catch (error) {
      copied = document.execCommand("copy"); // pages opened as files may have no clipboard
    }
    el("copied").textContent = copied ? "Copied." : "Please copy the marked text yourself.";
  }

  function visible() {
    return Array.from(el("choices").children).filter((button) => !button.hidden);
  }

  function filter() {
    const words = el("filter").value.trim().toLowerCase();
    for (const button of el("choices").children) {
      button.hidden = !button.textContent.toLowerCase().includes(words);
    }
  }

  function key(event) {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || el("ask").hidden) return;
    if (event.target === el("filter")) {
      if (event.key === "Enter" && visible().length === 1) visible()[0].click();
      return;
    }
    if (event.key === "u" || event.key === "U") {
      event.preventDefault();
      answer(null);
    } else if (!many && /^[0-9]$/.test(event.key)) {
      const at = event.key === "0" ? 9 : Number(event.key) - 1;
      if (at < quiz.choices.length) answer(quiz.choices[at].class);
    }
  }

  quiz.choices.forEach((choice, k) => {
    const button = document.createElement("button");
    button.type = "button";
    if (!many) {
      const hint = document.createElement("kbd");
      hint.textContent = (k + 1) % 10;
      hint.setAttribute("aria-hidden", "true");
      button.append(hint);
      button.setAttribute("aria-keyshortcuts", String((k + 1) % 10));
    }
    button.append(choice.name);
    button.addEventListener("click", () => answer(choice.class));
    el("choices").append(button);
  });
  el("choices").classList.toggle("many", many);
  el("search").hidden = !many;
  el("unknown").setAttribute("aria-keyshortcuts", "U");
  el("unknown").addEventListener("click", () => answer(null));
  el("filter").addEventListener("input", filter);
  el("begin").addEventListener("click", () => {
    if (state === null) begin(el("code").value.trim());
    next();
  });
  el("proceed").addEventListener("click", next);
  el("save").addEventListener("click", save);
  el("copy").addEventListener("click", copy);
  el("again").addEventListener("click", () => {
    el("sure").hidden = false;
    el("sure").focus();
  });
  el("sure").addEventListener("click", () => {
    try {
      localStorage.removeItem(place);
    } catch (error) {
      kept = false;
    }
    location.reload();
  });
  document.addEventListener("keydown", key);
  document.addEventListener("visibilitychange", () => {
    if (shown && document.hidden) shown.away = true;
  });
  window.addEventListener("resize", fit);

  for (const id of ["count", "left"]) el(id).textContent = quiz.slots.length;
  state = load();
  if (state && state.answers.length === state.order.length) {
    finish();
  } else {
    if (state) {
      el("begin").textContent =
        state.answers.length ? "Go on with photo " + (state.answers.length + 1) : "Go on";
      el("code").value = state.code;
      el("code").disabled = true;
    }
    screen("start");
  }
})();
