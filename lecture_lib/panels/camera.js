// What `camera.py` does in the browser: it shows the camera, and sends frames as small JPEG files.
//
// A live frame is sent only when the kernel has answered the one before, so nothing ever queues.
// The light goes out on Stop, when the page or the panel is left, and when the kernel ends.

const QUIET = 30_000; // milliseconds without a word from the kernel
const OUT_OF_VIEW = 20_000;
const SPOKEN_EVERY = 3_000; // what is read aloud, at most

const NOT_SECURE = "A browser gives the camera only to pages that come by https or from this very "
  + "computer (localhost); open the course in one of these ways";
const WHY = {
  NotAllowedError: "The browser was not allowed to use the camera; allow it with the sign beside "
    + "the page's address and press “Start camera” again",
  NotFoundError: "No camera was found; plug one in and press “Start camera” again",
  NotReadableError: "The camera cannot be opened; close the other program that uses it and press "
    + "“Start camera” again",
};
const REASONS = {
  kernel: "The kernel has ended or was restarted, so the camera is off; run the cell again.",
  quiet: "The kernel did not answer for half a minute, so the camera is off; when the other cell "
    + "has ended, or the kernel runs again, press “Start camera”.",
  view: "The panel was out of view, so the camera is off.",
  page: "The page was left, so the camera is off.",
  chosen: "Another picture was chosen, so the camera is off.",
  unplugged: "The camera is gone; plug it in and press “Start camera” again.",
};

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const button = (text) => make("button", {
  type: "button", textContent: text, title: text,
  className: "lm-Widget jupyter-widgets jupyter-button widget-button",
});
const checkbox = (text) => {
  const input = make("input", { type: "checkbox" });
  return [input, make("label", {}, input, ` ${text}`)];
};
const middle = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

// The elements of one view.
const parts = (model) => {
  const [height, width] = model.get("shape");
  const start = button("Start camera"), stop = button("Stop camera"), take = button("Take a picture");
  const [live, liveLabel] = checkbox("Live");
  const [mirror, mirrorLabel] = checkbox("Mirror");
  const choice = make("select");
  const choiceLabel = make("label", { hidden: true }, "Camera ", choice);
  const video = make("video", { muted: true, playsInline: true });
  video.setAttribute("aria-label", "What the camera sees");
  video.style.aspectRatio = `${width} / ${height}`;
  const rate = make("span", { className: "lecture-camera-rate" });
  const words = make("p", { className: "lecture-camera-words" });
  words.setAttribute("role", "status");
  const spoken = make("p", { className: "lecture-camera-spoken" });
  spoken.setAttribute("role", "status");
  const buttons = make("div", {}, take, stop);
  const settings = make("div", {}, liveLabel, mirrorLabel, choiceLabel, rate);
  const on = make("div", { className: "lecture-camera-on", hidden: true }, video,
    make("div", { className: "lecture-camera-controls" }, buttons, settings));
  const canvas = make("canvas", { width, height });
  return { start, stop, take, live, liveLabel, mirror, choice, choiceLabel, video, rate, words,
    spoken, on, canvas };
};

// Draw the middle of the camera's picture, in the proportions of the canvas.
const draw = (video, canvas, mirrored) => {
  const scale = Math.min(video.videoWidth / canvas.width, video.videoHeight / canvas.height);
  const width = canvas.width * scale, height = canvas.height * scale;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? canvas.width : 0, 0);
  context.drawImage(video, (video.videoWidth - width) / 2, (video.videoHeight - height) / 2,
    width, height, 0, 0, canvas.width, canvas.height);
};

export default { render({ model, el }) {
  const { start, stop, take, live, liveLabel, mirror, choice, choiceLabel, video, rate, words,
    spoken, on, canvas } = parts(model);
  el.classList.add("lecture-camera");
  el.dataset.lmSuppressShortcuts = "true"; // keys pressed here are not JupyterLab's
  el.append(start, on, words, spoken);

  const view = Math.random().toString(36).slice(2);
  const onlyLive = model.get("only_live");
  let stream = null, run = 0, number = 0;
  let asked = 0; // when the kernel was asked something that it has not answered
  let answered = () => {};
  let fresh = false; // whether the camera has given a picture that was not sent
  let takes = [], times = []; // of the last answers: how long each took, when it came
  let spokenAt = 0, leftAt = 0;

  const say = (text, role = "status") => {
    words.setAttribute("role", role);
    words.textContent = text;
  };
  const send = (message, buffers) => {
    asked ||= performance.now();
    try { model.send({ view, ...message }, undefined, buffers); } catch { end("kernel"); }
  };
  const show = (isOn) => {
    on.hidden = !isOn;
    start.hidden = isOn;
    el.classList.toggle("lecture-camera-open", isOn);
  };

  // On and off

  const end = (reason) => {
    if (!stream) return;
    stream.getTracks().forEach((track) => track.stop());
    if (reason !== "kernel") send({ kind: "still" });
    stream = video.srcObject = null;
    run += 1;
    asked = 0;
    answered();
    show(false);
    say(REASONS[reason] ?? "", reason ? "alert" : "status");
    if (!reason) start.focus();
  };

  const begin = async () => {
    say("");
    start.disabled = true;
    try {
      if (!navigator.mediaDevices?.getUserMedia) throw new Error(NOT_SECURE);
      const wanted = choice.value ? { deviceId: { ideal: choice.value } } : { facingMode: "user" };
      const given = await navigator.mediaDevices.getUserMedia({ audio: false,
        video: { ...wanted, width: { ideal: 640 }, height: { ideal: 480 } } });
      if (!el.isConnected || document.hidden) {
        given.getTracks().forEach((track) => track.stop()); // the page was left meanwhile
        return;
      }
      stream = given;
      given.getVideoTracks()[0].addEventListener("ended", () => stream === given && end("unplugged"));
      video.srcObject = given;
      watch();
      await video.play();
    } catch (error) {
      end();
      const why = WHY[error.name] ?? error.message;
      say(onlyLive ? `${why}.` : `${why}, or upload a picture instead.`, "alert");
      return;
    } finally {
      start.disabled = false;
    }
    show(true);
    say("");
    (onlyLive ? stop : take).focus();
    await list();
    const offersLive = onlyLive || model.get("offers_live");
    take.hidden = onlyLive;
    liveLabel.hidden = onlyLive || !offersLive;
    live.checked = onlyLive;
    if (live.checked) goLive();
  };

  const list = async () => {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const cameras = devices.filter((device) => device.kind === "videoinput");
    const used = stream?.getVideoTracks()[0].getSettings().deviceId;
    choice.replaceChildren(...cameras.map((camera, place) => make("option", {
      value: camera.deviceId, textContent: camera.label || `camera ${place + 1}`,
      selected: camera.deviceId === used })));
    choiceLabel.hidden = cameras.length < 2;
  };

  // Frames

  const sendFrame = async (isLive, isFirst) => {
    const began = performance.now();
    fresh = false;
    draw(video, canvas, mirror.checked);
    const quality = canvas.width < 160 ? 0.95 : 0.85;
    const blob = await new Promise((give) => canvas.toBlob(give, "image/jpeg", quality));
    const data = await blob.arrayBuffer();
    if (!stream) return;
    const answer = new Promise((give) => { answered = give; });
    number += 1;
    send({ kind: "frame", number, live: isLive, first: isFirst }, [data]);
    await answer;
    const now = performance.now();
    takes = [...takes, now - began].slice(-50);
    times = [...times, now].slice(-50);
  };

  const wait = (milliseconds) => new Promise((go) => setTimeout(go, Math.max(0, milliseconds)));
  const newPicture = async () => { while (stream && !fresh) await wait(4); };

  const goLive = async () => {
    const mine = ++run;
    takes = times = [];
    let isFirst = true;
    while (stream && live.checked && mine === run) {
      const began = performance.now();
      await newPicture();
      if (!stream || mine !== run) break;
      await sendFrame(true, isFirst);
      isFirst = false;
      await wait(began + 1000 / model.get("per_second") - performance.now());
    }
    rate.textContent = "";
  };

  const watch = () => {
    fresh = true;
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(watch);
    else if (stream) setTimeout(watch, 30);
  };

  const showRate = () => {
    if (!live.checked || times.length < 3) return;
    const perSecond = 1000 * (times.length - 1) / (times.at(-1) - times[0]);
    rate.textContent = `${perSecond.toFixed(0)} answers a second, ${middle(takes).toFixed(0)} ms`;
    Object.assign(el.dataset, { perSecond, milliseconds: middle(takes), answers: number });
  };

  // Events

  const hear = (message) => {
    asked = 0;
    if (message.kind === "stop") end("chosen");
    if (message.kind === "answered" && message.number === number && message.view === view) {
      answered();
      const now = performance.now();
      if (message.text !== spoken.textContent && now > spokenAt + SPOKEN_EVERY && stream) {
        spoken.textContent = message.text;
        spokenAt = now;
      }
    }
  };
  const look = () => {
    if (!stream) return;
    const now = performance.now();
    if (asked && now > asked + QUIET) end("quiet");
    else if (leftAt && now > leftAt + OUT_OF_VIEW) end("view");
    else if (!asked) send({ kind: "ping" });
    showRate();
  };
  const lost = () => end("kernel");
  const hidden = () => document.hidden && end("page");
  const left = () => end("page");
  const seen = new IntersectionObserver((entries) => {
    leftAt = entries.at(-1).isIntersecting ? 0 : performance.now();
  });

  start.addEventListener("click", begin);
  stop.addEventListener("click", () => end());
  take.addEventListener("click", () => { live.checked = false; run += 1; sendFrame(false, true); });
  live.addEventListener("change", () => live.checked ? goLive() : send({ kind: "still" }));
  mirror.addEventListener("change", () => video.classList.toggle("mirrored", mirror.checked));
  choice.addEventListener("change", async () => {
    const wasLive = live.checked;
    end();
    await begin();
    if (stream && wasLive && !onlyLive) { live.checked = true; goLive(); }
  });
  model.on("msg:custom", hear);
  model.on("comm_live_update", lost);
  model.on("destroy", lost);
  addEventListener("pagehide", left);
  document.addEventListener("visibilitychange", hidden);
  seen.observe(el);
  const timer = setInterval(look, 1000);

  return () => {
    end("page");
    clearInterval(timer);
    seen.disconnect();
    model.off("msg:custom", hear);
    model.off("comm_live_update", lost);
    model.off("destroy", lost);
    removeEventListener("pagehide", left);
    document.removeEventListener("visibilitychange", hidden);
  };
} };
