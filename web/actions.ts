/** What the visitor can do, and what the Worker's answers change. */
import { batch, effect } from '@preact/signals';
import { METHODS, methodNamed } from '../attack/methods/index.js';
import { decodeBlob } from '../data/canvas.js';
import { registry } from '../weights/registry.js';
import type { Ask, LaneId, NetChoice, Say } from './protocol.js';
import { loadSample } from './sample.js';
import * as state from './state.js';
import { readAddress, writeAddress } from './url.js';

/** Nets that come with the page, the smallest first: it is what a first visit waits for. */
export const shippedNets = registry.filter(({ url }) => url === undefined).sort((a, b) => a.size - b.size);

/** The image of a first visit: a horse, on which the smallest net looks where one would. */
const FIRST = 7;

let worker: Worker;
const ask = (message: Ask) => worker.postMessage(message);

export async function start(): Promise<void> {
  const address = readAddress(location.search);
  const known = shippedNets.find(({ name }) => name === address.net) ?? shippedNets[0]!;
  batch(() => {
    state.netName.value = known.name;
    state.requests.value = address.requests;
  });
  if (!navigator.gpu) {
    state.deviceFailure.value = 'navigator.gpu is not there.';
    return;
  }
  worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  worker.addEventListener('message', ({ data }: MessageEvent<Say>) => batch(() => hear(data)));
  worker.addEventListener('error', ({ message }) => {
    state.deviceFailure.value = `The Worker stopped: ${message || 'its script could not be loaded'}. Reload the page.`;
  });
  ask({ kind: 'open', net: choiceOf(known.name) });
  state.netProgress.value = { done: 0, total: known.size };
  state.sample.value = await loadSample();
  choose(state.sample.value[address.image ?? FIRST] ?? state.sample.value[FIRST]!);
  effect(explain);
  effect(() => {
    const { netFile, netName, picture, requests } = state;
    const text = writeAddress({
      net: netFile.value ? undefined : netName.value,
      image: picture.value?.index,
      requests: requests.value,
    });
    history.replaceState(null, '', text + location.hash);
  });
}

function choiceOf(name: string): NetChoice {
  const { file, sha256 } = registry.find((entry) => entry.name === name)!;
  return { name, sha256, url: new URL(`weights/${file}`, document.baseURI).href };
}

export function chooseNet(name: string): void {
  batch(() => {
    state.netFile.value = undefined;
    state.netName.value = name;
    beginNet();
  });
  ask({ kind: 'net', net: choiceOf(name) });
}

export function useNetFile(file: File): void {
  batch(() => {
    state.netFile.value = file;
    beginNet();
  });
  ask({ kind: 'net', net: { file } });
}

export function stopNet(): void {
  ask({ kind: 'stop-net' });
  state.netProgress.value = undefined;
  state.netError.value = 'Stopped. Choose a net to go on; what came is kept.';
}

function beginNet(): void {
  state.net.value = undefined;
  state.netError.value = undefined;
  state.explained.value = undefined;
  state.netProgress.value = { done: 0, total: undefined };
  clearResults();
}

export function choose(picture: state.Picture): void {
  batch(() => {
    state.imageError.value = undefined;
    state.picture.value = picture;
    clearResults();
  });
}

/** A file that was dropped, pasted or picked: an image, or a net's weights. */
export async function takeFile(file: File): Promise<void> {
  if (/\.(safetensors|pth|pt|th)$/i.test(file.name)) return useNetFile(file);
  try {
    const image = await decodeBlob(file);
    choose({ image, name: file.name || 'pasted image', className: null, index: undefined });
  } catch (error) {
    state.imageError.value = (error as Error).message;
  }
}

function clearResults(): void {
  for (const id of [0, 1] as const) {
    if (state.lane(id).status !== 'idle') ask({ kind: 'stop', lane: id });
    state.changeLane(id, state.IDLE);
  }
  stopLeaderboard();
  state.leaderboard.value = [];
}

let explanations = 0;

/** Follows the image, the net and the first attack's settings of its explanation. */
function explain(): void {
  const subject = state.subject.value;
  if (!subject) return;
  const { method, ...given } = state.optionsOf(state.requests.value[0]);
  const { layer, explanation, tau, maskNorm } = resolved(method, given);
  const settings = Object.fromEntries(
    Object.entries({ layer, explanation, tau, maskNorm }).filter(([, value]) => value !== undefined),
  );
  ask({ kind: 'explain', id: ++explanations, subject, settings });
}

/** With what a preset stands for. Settings that the method refuses, which is told beside them, as they are. */
function resolved(
  method: string,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { height = 32, classes = 10 } = state.net.peek() ?? {};
  try {
    return methodNamed(method).settings(given, { inputSize: height, classes });
  } catch {
    return given;
  }
}

export function attackAll(): void {
  for (const id of [0, 1] as const) if (state.requests.value[id]) attack(id);
}

export function attack(id: LaneId): void {
  const [subject, request] = [state.subject.value, state.requests.value[id]];
  if (!subject || !request) return;
  state.changeLane(id, { ...state.IDLE, status: 'compiling' });
  ask({ kind: 'attack', lane: id, subject, options: state.optionsOf(request) });
}

export function control(id: LaneId, kind: 'pause' | 'resume' | 'step' | 'stop'): void {
  ask({ kind, lane: id });
  if (kind === 'pause' || kind === 'step') state.changeLane(id, { status: 'paused', shown: undefined });
  if (kind === 'resume') state.changeLane(id, { status: 'running', shown: undefined });
}

export function chooseMethod(id: LaneId, method: string): void {
  const kept = state.requests.value[id]?.settings ?? {};
  const { table } = methodNamed(method);
  // What both methods have stays as it was set; all have region, explanation and target.
  const settings = Object.fromEntries(
    Object.entries(kept).filter(([name]) => name in table && name in methodNamed('noise').table),
  );
  setRequest(id, { method, settings });
}

/** @param text undefined: the method's own default */
export function set(id: LaneId, name: string, text: string | undefined): void {
  const request = state.requests.value[id];
  if (!request) return;
  const { [name]: _, ...others } = request.settings;
  setRequest(id, { ...request, settings: text === undefined ? others : { ...others, [name]: text } });
}

function setRequest(id: LaneId, request: state.LaneRequest): void {
  const [first, second] = state.requests.value;
  state.requests.value = id === 0 ? [request, second] : [first, request];
}

export function compareWith(method: string | undefined): void {
  const [first] = state.requests.value;
  if (method === undefined) {
    ask({ kind: 'stop', lane: 1 });
    state.changeLane(1, state.IDLE);
    state.requests.value = [first, undefined];
    return;
  }
  state.requests.value = [first, { method, settings: {} }];
}

export const otherMethod = (method: string) =>
  METHODS.find(({ name }) => name === (method === 'cfr' ? 'fmn' : 'cfr'))!.name;

export function runLeaderboard(): void {
  const subject = state.subject.value;
  if (!subject) return;
  const { region, tau, layer, explanation, seed } = state.optionsOf(state.requests.value[0]);
  const options = Object.fromEntries(
    Object.entries({ region, tau, layer, explanation, seed }).filter(([, value]) => value !== undefined),
  );
  state.leaderboard.value = [];
  state.leaderboardError.value = undefined;
  state.leaderboardLeft.value = METHODS.length;
  ask({ kind: 'leaderboard', subject, budget: state.budget.value, options });
}

export function stopLeaderboard(): void {
  if (state.leaderboardLeft.value === undefined) return;
  ask({ kind: 'stop-leaderboard' });
  state.leaderboardLeft.value = undefined;
}

function hear(say: Say): void {
  switch (say.kind) {
    case 'adapter':
      state.adapter.value = say.adapter;
      return;
    case 'tested':
      state.tested.value = say.passed;
      return;
    case 'progress':
      state.netProgress.value = say;
      return;
    case 'net':
      state.net.value = say.net;
      state.netProgress.value = undefined;
      return;
    case 'explained':
      if (say.id === explanations) state.explained.value = say.explained;
      return;
    case 'started':
      state.changeLane(say.lane, { status: 'running', total: say.total, explained: say.explained });
      return;
    case 'frame': {
      const { frames, status } = state.lane(say.lane);
      if (status === 'idle') return;
      state.changeLane(say.lane, { frames: [...frames, say.frame] });
      return;
    }
    case 'finished':
      if (state.lane(say.lane).status === 'idle') return;
      state.changeLane(say.lane, {
        status: say.outcome ? 'done' : 'stopped',
        outcome: say.outcome ?? undefined,
      });
      return;
    case 'row':
      state.leaderboard.value = [...state.leaderboard.value, say.row];
      state.leaderboardLeft.value = say.left;
      return;
    case 'ranked':
      state.leaderboardLeft.value = undefined;
      return;
    case 'error':
      fail(say.about, say.message);
  }
}

function fail(about: Extract<Say, { kind: 'error' }>['about'], message: string): void {
  if (about === 'device') state.deviceFailure.value = message;
  else if (about === 'image') state.imageError.value = message;
  else if (about === 'leaderboard') {
    state.leaderboardError.value = message;
    state.leaderboardLeft.value = undefined;
  } else if (about === 'net') {
    state.netError.value = message;
    state.netProgress.value = undefined;
  } else state.changeLane(about, { status: 'failed', error: message });
}
