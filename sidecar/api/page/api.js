// What the daemon is asked, and nothing else is: every request goes to where the page came from.

const TOKEN = 'anomaly.token';
const PATIENCE = 15_000; // milliseconds

/** Answers that mean later: too slow, too busy, still loading. */
const LATER = [408, 429, 502, 503, 504];

/** Why there is no answer. `kind` is `token`, `refused` or, where it may come later, `silent`; the message is for a person. */
export class ApiError extends Error {
  constructor(kind, message, status = 0) {
    super(message);
    this.kind = kind;
    this.status = status;
  }
}

/** Takes the token out of `#token=...`, so that it stays neither in the address bar nor in the history. */
export function takeToken() {
  const found = /^#token=([^&]*)/.exec(location.hash);
  if (!found) return;
  setToken(decodeURIComponent(found[1]));
  history.replaceState(null, '', `${location.pathname}${location.search}#/`);
}

/** Keeps the token for this tab, until it is closed. */
export function setToken(token) {
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
}

export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;

/** `GET`, with the parameters that have a value. `signal` ends it early. */
export function ask(path, parameters = {}, signal = undefined) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const query = new URLSearchParams(given).toString();
  return request(`${path}${query ? `?${query}` : ''}`, { method: 'GET' }, signal);
}

/** `POST` of `body` as JSON. */
export function tell(path, body, signal = undefined) {
  const headers = { 'Content-Type': 'application/json' };
  return request(path, { method: 'POST', headers, body: JSON.stringify(body) }, signal);
}

async function request(path, options, signal) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { Accept: 'application/json', ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  const timeout = AbortSignal.timeout(PATIENCE);
  let response;
  let answer;
  try {
    response = await fetch(path, {
      ...options,
      headers,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    answer = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(
      'silent',
      timeout.aborted ? 'The daemon took too long to answer.' : 'The daemon does not answer.',
    );
  }
  if (response.ok) return JSON.parse(answer);
  const message = sentence(answer) ?? `The daemon answered ${response.status}.`;
  const kind = response.status === 401 ? 'token' : LATER.includes(response.status) ? 'silent' : 'refused';
  throw new ApiError(kind, message, response.status);
}

/** What an answer of the daemon's one shape of errors says. */
function sentence(answer) {
  try {
    const { error, message } = JSON.parse(answer);
    const text = typeof error === 'string' ? error : (error?.message ?? message);
    return typeof text === 'string' && text !== '' ? text : undefined;
  } catch {
    return undefined;
  }
}
