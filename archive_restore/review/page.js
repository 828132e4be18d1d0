// The page of `archive-restore review`: lists photographs, shows them before and after, sends verdicts and strokes.
"use strict";

const PILES = [
  ["new", "To look at", "Nothing restored waits to be looked at."],
  ["unsure", "Specks?", "No photograph has faint specks all over that might be dust, or snow, or stars."],
  ["held", "Held", "Nothing is held. What has a large mask is held here, before it is restored."],
  ["waiting", "Waiting", "Nothing waits for the next run."],
  ["accepted", "Accepted", "Nothing is accepted yet."],
  ["rejected", "Rejected", "Nothing is rejected."],
  ["undamaged", "Undamaged", "Damage was found in every photograph."],
];
const VERDICTS = { // of each pile: what is sent, how it is called, its key, its look
  new: [["accept", "Accept", "a", "good"], ["reject", "Reject", "r", "bad"]],
  unsure: [["believe", "They are damage", "a", "bad"], ["settle", "Leave them", "r", "good"]],
  held: [["restore", "Restore it", "a", "good"], ["reject", "Reject", "r", "bad"]],
  waiting: [["reject", "Reject", "r", "bad"]],
  accepted: [["reconsider", "Look again", "a", ""], ["reject", "Reject", "r", "bad"]],
  rejected: [["restore", "Restore after all", "a", ""]],
};
const KEYS = "A, R decide · ← → go on · B before, after · M mask · N next damage · Z 1:1 · E edit the mask · wheel zooms";
const PAINT_KEYS = "D damage · X no damage · Ctrl-Z undo · Escape cancels · wheel zooms · Shift and drag moves";
const UNSEEN = ["reject", "reconsider"]; // what may be said of a photograph that cannot be shown
const WHOLE_SIDE = 2048; // px, of the pictures of the whole photograph
const SETTLED_MS = 160; // without a change of the view, before a sharper part is asked for
const SLOW_MS = 1000; // after which the page says that it waits
const LARGEST_FIT = 2; // CSS px for a pixel of a photograph that is shown whole
const DAMAGE = "#e62878", NO_DAMAGE = "#36c5f0"; // of the brush; masks come in the first
const REACH_PX = 14; // CSS px around the line between before and after in which it is taken hold of

const at = (id) => document.getElementById(id);
const canvas = at("canvas");
const pen = canvas.getContext("2d");
const mine = { pile: "new", list: [], more: false, photograph: null, busy: false };
const view = { scale: 1, x: 0, y: 0, fit: true, side: "both", line: 0.5, mask: false };
const paint = { on: false, erases: false, strokes: [], current: null, pointer: null };
let pictures = {}; // of the photograph that is shown: before, after, mask, and the sharper part of each

// ---- asking and saying

async function ask(path, said) {
  const how = said === undefined ? {} : {
    method: "POST", body: JSON.stringify(said), headers: { "Content-Type": "application/json" },
  };
  let answer;
  try {
    answer = await fetch(path, how);
  } catch {
    throw new Error("The program does not answer any more. Start archive-restore review again.");
  }
  const told = await answer.json().catch(() => ({ error: `The program answered ${answer.status}.` }));
  if (!answer.ok) throw new Error(told.error);
  return told;
}

function tell(message) {
  at("message").textContent = message || "";
  at("message").hidden = !message;
}

// One thing at a time: what fails is told, and nothing else changes.
async function doing(work) {
  if (mine.busy) return;
  mine.busy = true;
  tell("");
  const slow = setTimeout(() => tell("One moment: the program is at work."), SLOW_MS);
  try {
    await work();
    tell("");
  } catch (error) {
    tell(error.message);
  } finally {
    clearTimeout(slow);
    mine.busy = false;
    controls();
  }
}

// Other buttons in place of those there; who uses the keyboard stays on the one of the same name.
function refill(parent, children, name) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset[name] : null;
  parent.replaceChildren(...children);
  if (focused !== null) (children.find((one) => one.dataset[name] === focused) || canvas).focus();
}

// ---- piles and the list

async function loadPiles() {
  const counts = await ask("ask/piles");
  refill(at("piles"), PILES.map(([pile, title]) => {
    const button = document.createElement("button");
    button.dataset.pile = pile;
    button.textContent = `${title} ${counts[pile].toLocaleString("en")}`;
    button.setAttribute("aria-current", String(pile === mine.pile));
    button.onclick = () => leave(() => openPile(pile));
    return button;
  }), "pile");
  return counts;
}

async function openPile(pile) {
  mine.pile = pile;
  mine.list = [];
  await loadPiles();
  await loadMore();
  await open(mine.list[0] || null);
}

async function loadMore() {
  const last = mine.list.at(-1);
  const { photographs, more } = await ask(`ask/photographs?pile=${mine.pile}&after=${last ? last.id : 0}`);
  mine.list.push(...photographs);
  mine.more = more;
  showList();
}

function showList() {
  const archives = new Set(mine.list.map((one) => one.archive));
  const focused = at("list").contains(document.activeElement);
  at("list").replaceChildren(...mine.list.map((one) => {
    const item = document.createElement("li");
    const current = mine.photograph !== null && one.id === mine.photograph.id;
    item.setAttribute("role", "option");
    item.tabIndex = current ? 0 : -1; // the list is one stop of the Tab key, whatever its length
    item.textContent = archives.size > 1 ? `${one.archive}/${one.name}` : one.name;
    item.setAttribute("aria-selected", String(current));
    const small = document.createElement("small");
    small.textContent = [kinds(one), one.by_hand ? "mask by hand" : ""].filter(Boolean).join(", ");
    item.append(small);
    item.onclick = () => leave(() => open(one));
    return item;
  }));
  if (focused) (selected() || canvas).focus();
  at("more").hidden = !mine.more;
}

function selected() { // the photograph that is open, in the list
  return at("list").querySelector('[aria-selected="true"]');
}

function kinds(one) {
  return one.kinds.map(([kind, count]) => `${kind} ${count}`).join(", ");
}

// ---- one photograph

async function open(listed) {
  stopPainting();
  pictures = {};
  mine.photograph = listed === null ? null : await ask(`ask/photographs/${listed.id}`);
  showPhotograph();
  if (listed === null) return;
  showList();
  if (selected()) selected().scrollIntoView({ block: "nearest" });
  Object.assign(view, { fit: true, side: mine.photograph.restored ? "both" : "before", line: 0.5 });
  view.mask = !mine.photograph.restored || mine.pile === "unsure";
  view.damage = -1;
  fit();
  if (!mine.photograph.trouble) await loadPictures();
}

function showPhotograph() {
  const one = mine.photograph;
  at("name").textContent = one === null ? "" : one.name;
  const empty = PILES.find(([pile]) => pile === mine.pile)[2];
  at("empty").textContent = one === null ? empty : one.trouble || "";
  at("empty").hidden = one !== null && !one.trouble;
  canvas.hidden = one === null || Boolean(one.trouble);
  const facts = one === null ? [] : [
    one.width ? `${one.width} x ${one.height} px` : "",
    one.masked === undefined ? "" : `${one.masked} % masked`,
    kinds(one), one.by_hand ? "mask by hand" : "", one.reason,
    one.pile !== "waiting" || !one.restored ? ""
      : one.masked ? "the next run restores it anew" : "nothing is masked: the next run removes what was restored",
  ];
  at("facts").textContent = facts.filter(Boolean).join(" · ");
  controls();
}

async function loadPictures() {
  const one = mine.photograph;
  const names = one.restored ? ["before", "after", "mask"] : ["before", "mask"];
  const loaded = await Promise.all(names.map((name) => load(one, name, null, WHOLE_SIDE)));
  if (mine.photograph !== one) return;
  names.forEach((name, number) => { pictures[name] = { whole: loaded[number], part: null }; });
  draw();
  sharpen();
}

function load(one, name, box, side) {
  const parts = box ? `&x=${box.x}&y=${box.y}&w=${box.w}&h=${box.h}` : "";
  return new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error(`${one.name} cannot be shown any more. Look at it again.`));
    image.src = `ask/photographs/${one.id}/${name}?side=${side}${parts}&v=${encodeURIComponent(one.version)}`;
  });
}

// ---- the view

function stageSize() {
  return { w: canvas.clientWidth, h: canvas.clientHeight };
}

function fitScale() { // small photographs are enlarged a little
  const { w, h } = stageSize();
  return Math.min(w / mine.photograph.width, h / mine.photograph.height, LARGEST_FIT);
}

function fit() {
  const one = mine.photograph;
  if (!one || !one.width) return;
  const { w, h } = stageSize();
  view.fit = true;
  view.scale = fitScale();
  view.x = (w - one.width * view.scale) / 2;
  view.y = (h - one.height * view.scale) / 2;
  draw();
}

function onePixel() {
  return 1 / window.devicePixelRatio; // the scale at which a pixel of the photograph is one of the screen
}

function lookAt(x, y, scale) { // px of the photograph, in the middle of the stage
  const { w, h } = stageSize();
  Object.assign(view, { fit: false, scale, x: w / 2 - x * scale, y: h / 2 - y * scale });
  draw();
  sharpen();
}

function zoom(factor, x, y) { // about a place of the stage
  const least = fitScale();
  const scale = Math.min(Math.max(view.scale * factor, least), 16);
  if (scale <= least) return fit();
  view.fit = false;
  view.x = x - (x - view.x) * scale / view.scale;
  view.y = y - (y - view.y) * scale / view.scale;
  view.scale = scale;
  draw();
  sharpen();
}

let settling = 0;
function sharpen() { // asks for the part that is seen, where the whole one is too coarse for it
  clearTimeout(settling);
  settling = setTimeout(async () => {
    const one = mine.photograph;
    if (!one || !pictures.before) return;
    const coarse = Math.max(one.width, one.height) / WHOLE_SIDE;
    if (view.scale * window.devicePixelRatio <= 1 / Math.max(coarse, 1) || coarse <= 1) return;
    const { w, h } = stageSize();
    const left = Math.max(0, Math.floor(-view.x / view.scale)), top = Math.max(0, Math.floor(-view.y / view.scale));
    const right = Math.min(one.width, Math.ceil((w - view.x) / view.scale));
    const bottom = Math.min(one.height, Math.ceil((h - view.y) / view.scale));
    if (right <= left || bottom <= top) return;
    const box = { x: left, y: top, w: right - left, h: bottom - top };
    const side = Math.ceil(Math.max(box.w, box.h) * Math.min(1, view.scale * window.devicePixelRatio));
    try {
      await Promise.all(Object.keys(pictures).map(async (name) => {
        const image = await load(one, name, box, side);
        if (mine.photograph === one && pictures[name]) pictures[name].part = { image, box };
      }));
      draw();
    } catch (error) {
      tell(error.message);
    }
  }, SETTLED_MS);
}

function draw() {
  const one = mine.photograph;
  const { w, h } = stageSize();
  const dense = window.devicePixelRatio;
  if (canvas.width !== Math.round(w * dense) || canvas.height !== Math.round(h * dense)) {
    canvas.width = Math.round(w * dense);
    canvas.height = Math.round(h * dense);
  }
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (!one || !pictures.before) return;
  pen.setTransform(dense, 0, 0, dense, 0, 0);
  const line = view.line * w;
  if (pictures.after && view.side !== "before") {
    lay("after");
    if (view.side === "both") leftOf(line, () => lay("before"));
  } else {
    lay("before");
  }
  if (view.mask || paint.on) {
    lay("mask");
    drawStrokes();
  }
  if (pictures.after && view.side === "both") {
    pen.fillStyle = "#fff";
    const top = Math.max(0, view.y), bottom = Math.min(h, view.y + one.height * view.scale);
    pen.fillRect(line - 1, top, 2, bottom - top);
    pen.beginPath();
    pen.arc(line, (top + bottom) / 2, 9, 0, 2 * Math.PI);
    pen.fill();
  }
  if (paint.on && paint.pointer) drawBrush();
}

function leftOf(line, work) {
  pen.save();
  pen.beginPath();
  pen.rect(0, 0, line, stageSize().h);
  pen.clip();
  work();
  pen.restore();
}

function lay(name) {
  const { whole, part } = pictures[name], one = mine.photograph, s = view.scale;
  pen.imageSmoothingEnabled = s * window.devicePixelRatio < 2;
  pen.save();
  if (part) { // the coarse one beside it alone: a mask laid twice would be darker
    const { x, y, w, h } = part.box;
    pen.drawImage(part.image, view.x + x * s, view.y + y * s, w * s, h * s);
    pen.beginPath();
    pen.rect(view.x, view.y, one.width * s, one.height * s);
    pen.rect(view.x + x * s, view.y + y * s, w * s, h * s);
    pen.clip("evenodd");
  }
  pen.drawImage(whole, view.x, view.y, one.width * s, one.height * s);
  pen.restore();
}

// ---- painting

function brushWidth() { // px of the photograph: from 1 to a tenth of it, evenly by ratio
  const most = Math.max(mine.photograph.width, mine.photograph.height) / 10;
  return Math.max(1, Math.pow(most, at("brush").value / 100));
}

function drawStrokes() {
  const strokes = paint.current ? [...paint.strokes, paint.current] : paint.strokes;
  if (!strokes.length) return;
  // In a layer of their own, which is laid once: strokes that cross are not darker there.
  const layer = document.createElement("canvas");
  layer.width = canvas.width;
  layer.height = canvas.height;
  const own = layer.getContext("2d");
  own.setTransform(pen.getTransform());
  own.lineCap = own.lineJoin = "round";
  for (const stroke of strokes) {
    own.strokeStyle = stroke.erases ? NO_DAMAGE : DAMAGE;
    own.lineWidth = stroke.width * view.scale;
    own.beginPath();
    stroke.points.forEach(([x, y], number) => {
      own[number ? "lineTo" : "moveTo"](view.x + x * view.scale, view.y + y * view.scale);
    });
    if (stroke.points.length === 1) own.lineTo(view.x + stroke.points[0][0] * view.scale + 0.01, view.y + stroke.points[0][1] * view.scale);
    own.stroke();
  }
  pen.save();
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.globalAlpha = 0.6;
  pen.drawImage(layer, 0, 0);
  pen.restore();
}

function drawBrush() {
  pen.beginPath();
  pen.arc(paint.pointer.x, paint.pointer.y, Math.max(1, brushWidth() * view.scale / 2), 0, 2 * Math.PI);
  pen.lineWidth = 1.5;
  pen.strokeStyle = paint.erases ? NO_DAMAGE : DAMAGE;
  pen.stroke();
}

function startPainting() {
  if (mine.busy || !mine.photograph || mine.photograph.trouble || paint.on) return; // a verdict may be on its way
  Object.assign(paint, { on: true, erases: false, strokes: [], current: null });
  view.side = "before";
  const focused = at("looking").contains(document.activeElement);
  controls();
  if (focused) at("add").focus();
  draw();
}

function stopPainting() {
  const focused = at("painting").contains(document.activeElement);
  Object.assign(paint, { on: false, strokes: [], current: null, pointer: null });
  controls();
  if (focused) at("edit").focus();
}

async function save() {
  await verdict("paint", { strokes: paint.strokes });
}

// What was painted and is not saved is lost only if its painter says so.
function mayLeave() {
  return !paint.strokes.length || window.confirm("What you painted is not saved. Leave it?");
}

function leave(work) {
  if (mayLeave()) doing(work);
}

// ---- verdicts

async function verdict(what, more = {}) {
  const one = mine.photograph;
  let told;
  try {
    told = await ask(`say/${one.id}/${what}`, { version: one.version, ...more });
  } catch (error) { // what has changed meanwhile is shown as it is now, unless that would cost what was painted
    if (!paint.on && (await ask(`ask/photographs/${one.id}`)).version !== one.version) {
      await loadPiles();
      await open(one);
    }
    throw error;
  }
  const place = mine.list.findIndex((other) => other.id === one.id);
  stopPainting();
  if (told.pile === mine.pile) { // it stays where it is, with another mask
    mine.list[place] = told;
    await loadPiles();
    await open(told);
    return;
  }
  if (place >= 0) mine.list.splice(place, 1);
  if (!mine.list.length && mine.more) await loadMore();
  await loadPiles();
  showList();
  await open(mine.list[Math.min(place, mine.list.length - 1)] || null);
}

function step(by) {
  const place = mine.list.findIndex((other) => mine.photograph && other.id === mine.photograph.id);
  const next = mine.list[place + by];
  if (next) leave(() => open(next));
  else if (by > 0 && mine.more) leave(async () => { await loadMore(); await open(mine.list[place + by]); });
}

function nextDamage() {
  const boxes = mine.photograph.regions;
  if (!boxes.length) return;
  view.damage = (view.damage + 1) % boxes.length;
  const [x, y, w, h] = boxes[view.damage];
  const stage = stageSize();
  const near = Math.min(0.5 * stage.w / w, 0.5 * stage.h / h, LARGEST_FIT * onePixel());
  lookAt(x + w / 2, y + h / 2, Math.max(fitScale(), near));
}

// ---- controls

function verdicts() { // that may be said of the photograph that is open
  const one = mine.photograph;
  if (one === null) return [];
  return (VERDICTS[one.pile] || []).filter(([what]) => !one.trouble || UNSEEN.includes(what));
}

function controls() {
  const one = mine.photograph, shown = one !== null && !one.trouble;
  at("looking").hidden = paint.on || one === null;
  at("painting").hidden = !paint.on;
  at("keys").textContent = paint.on ? PAINT_KEYS : KEYS;
  refill(at("verdicts"), verdicts().map(([what, title, key, look]) => {
    const button = document.createElement("button");
    button.textContent = what === "reject" && !one.restored ? "Leave alone" : title;
    button.title = key.toUpperCase();
    button.className = look;
    button.dataset.verdict = what;
    button.onclick = () => doing(() => verdict(what));
    return button;
  }), "verdict");
  at("sides").hidden = !shown || !one.restored;
  for (const button of at("sides").children) button.setAttribute("aria-pressed", String(button.dataset.side === view.side));
  at("mask").setAttribute("aria-pressed", String(view.mask));
  at("fit").textContent = view.fit ? "1:1" : "Fit";
  for (const id of ["mask", "fit", "edit"]) at(id).disabled = !shown;
  at("next").disabled = !shown || !one.regions.length;
  at("add").setAttribute("aria-pressed", String(!paint.erases));
  at("erase").setAttribute("aria-pressed", String(paint.erases));
  at("undo").disabled = at("save").disabled = !paint.strokes.length;
  at("reset").hidden = !shown || !one.by_hand;
  if (shown) at("width").textContent = `${Math.round(brushWidth())} px`;
  canvas.classList.toggle("painting", paint.on);
}

function show(side) {
  view.side = side;
  controls();
  draw();
}

function toggleZoom(spot = null) { // to one place of the stage, or the middle of the photograph
  const [x, y] = spot ? pixel(spot) : [mine.photograph.width / 2, mine.photograph.height / 2];
  if (!view.fit) fit();
  else lookAt(x, y, onePixel());
  controls();
}

for (const button of at("sides").children) button.onclick = () => show(button.dataset.side);
at("mask").onclick = () => { view.mask = !view.mask; controls(); draw(); };
at("fit").onclick = () => toggleZoom();
at("next").onclick = () => { nextDamage(); controls(); };
at("edit").onclick = startPainting;
at("more").onclick = () => doing(loadMore);
at("add").onclick = () => { paint.erases = false; controls(); };
at("erase").onclick = () => { paint.erases = true; controls(); };
at("undo").onclick = undo;
at("save").onclick = () => doing(save);
at("reset").onclick = () => leave(() => verdict("reset"));
at("cancel").onclick = cancel;
at("brush").oninput = () => { controls(); draw(); };

function undo() {
  paint.strokes.pop();
  controls();
  draw();
}

function cancel() {
  if (!mayLeave()) return;
  stopPainting();
  view.side = mine.photograph.restored ? "both" : "before";
  controls();
  draw();
}

// ---- pointers

let held = null; // what the pointer has taken hold of: the line, the photograph

function place(event) {
  const box = canvas.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function onLine(spot) {
  return !paint.on && pictures.after && view.side === "both" && Math.abs(spot.x - view.line * stageSize().w) < REACH_PX;
}

function pixel(spot) {
  return [(spot.x - view.x) / view.scale, (spot.y - view.y) / view.scale];
}

canvas.onpointerdown = (event) => {
  if (!mine.photograph || mine.busy || !event.isPrimary) return; // a second finger neither paints nor moves
  const spot = place(event);
  paint.pointer = spot;
  canvas.setPointerCapture(event.pointerId);
  if (paint.on && event.button === 0 && !event.shiftKey) {
    paint.current = { points: [pixel(spot)], width: brushWidth(), erases: paint.erases };
  } else {
    held = onLine(spot) ? "line" : "photograph";
    canvas.classList.toggle("dragging", held === "photograph");
  }
  draw();
};

canvas.onpointermove = (event) => {
  if (!event.isPrimary) return;
  const from = paint.pointer, spot = place(event);
  paint.pointer = spot;
  if (paint.current) {
    paint.current.points.push(pixel(spot));
  } else if (held === "line") {
    view.line = Math.min(1, Math.max(0, spot.x / stageSize().w));
  } else if (held === "photograph") {
    const { w, h } = stageSize(), one = mine.photograph; // some of it stays in the middle of the stage
    view.x = Math.min(w / 2, Math.max(w / 2 - one.width * view.scale, view.x + spot.x - from.x));
    view.y = Math.min(h / 2, Math.max(h / 2 - one.height * view.scale, view.y + spot.y - from.y));
    view.fit = false;
    sharpen();
  } else {
    canvas.classList.toggle("line", Boolean(onLine(spot)));
    if (!paint.on) return;
  }
  draw();
};

canvas.onpointerup = canvas.onpointercancel = (event) => {
  if (!event.isPrimary) return;
  if (paint.current) {
    paint.strokes.push(paint.current);
    paint.current = null;
  }
  held = null;
  canvas.classList.remove("dragging");
  controls();
  draw();
};
canvas.onpointerleave = () => { paint.pointer = null; draw(); };
canvas.oncontextmenu = (event) => event.preventDefault();
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  if (!mine.photograph || mine.photograph.trouble) return;
  const spot = place(event);
  zoom(Math.exp(-event.deltaY / 400), spot.x, spot.y);
  controls();
}, { passive: false });
canvas.ondblclick = (event) => { if (!paint.on && mine.photograph) toggleZoom(place(event)); };

// ---- keys

window.onkeydown = (event) => {
  if (event.target.tagName === "INPUT" && event.key.startsWith("Arrow")) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === "z" && paint.on) { event.preventDefault(); undo(); }
    return;
  }
  if (event.altKey || !mine.photograph) return;
  if (paint.on) {
    if (key === "escape") cancel();
    else if (key === "d" || key === "x") { paint.erases = key === "x"; controls(); draw(); }
    return;
  }
  const wanted = verdicts().find((one) => one[2] === key);
  if (wanted) { // a key that is kept down decides on one photograph, not on the whole pile
    if (!event.repeat) doing(() => verdict(wanted[0]));
    return;
  }
  const listed = at("list").contains(event.target);
  if (key === "arrowright" || key === "j" || (listed && key === "arrowdown")) step(1);
  else if (key === "arrowleft" || key === "k" || (listed && key === "arrowup")) step(-1);
  else if (mine.photograph.trouble) return;
  else if (key === "b" && mine.photograph.restored) show(view.side === "before" ? "after" : "before");
  else if (key === "m") at("mask").click();
  else if (key === "z") toggleZoom();
  else if (key === "n") at("next").click();
  else if (key === "e") startPainting();
  else return;
  event.preventDefault();
};

// Also messages and tools take room from it.
new ResizeObserver(() => { if (view.fit) fit(); else draw(); }).observe(canvas);
window.onbeforeunload = (event) => { if (paint.strokes.length) event.preventDefault(); };

doing(async () => {
  const counts = await loadPiles();
  const first = PILES.find(([pile]) => pile !== "undamaged" && counts[pile] > 0);
  await openPile(first ? first[0] : "new");
});
