// What the daemon is asked, and nothing else is: every request goes to where the page came from.

const TOKEN = 'anomaly.token';

/** Milliseconds for an answer: more than the minute that `api.timeout` may have, so that nothing is asked twice at once. */
const PATIENCE = 75_000;

/** Answers that mean later: too slow, too busy, still loading. */
const LATER = [408, 429, 502, 503, 504];

/** What a token can consist of. Others cannot be sent. */
const TOKENS = /^[\x21-\x7e]+$/;

/**
 * Why there is no answer. `kind` is `token`, `refused` or, where it may come later, `silent` (nobody is there) or `busy`
 * (the daemon is there, and asking sooner would not help it); the message is for a person.
 */
export class ApiError extends Error {
  constructor(kind, message, status = 0) {
    super(message);
    this.kind = kind;
    this.status = status;
  }
}

/** Takes the token out of `#token=...`, so that it stays neither in the address bar nor in the history. */
export function takeToken() {
  const mark = '#token=';
  if (!location.hash.startsWith(mark)) return;
  const given = location.hash.slice(mark.length);
  // Before anything else, whatever the rest turns out to be.
  history.replaceState(null, '', `${location.pathname}${location.search}#/`);
  setToken(given.replace(/(?:%[0-9a-f]{2})+/gi, decoded));
}

/** What a run of `%41` stands for; itself where it stands for nothing. */
function decoded(run) {
  try {
    return decodeURIComponent(run);
  } catch {
    return run;
  }
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
  if (token && !TOKENS.test(token)) throw new ApiError('token', 'This is no token.');
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
    if (timeout.aborted) throw new ApiError('busy', 'The daemon took too long to answer.');
    throw new ApiError('silent', 'The daemon does not answer.');
  }
  if (response.ok) return JSON.parse(answer);
  const message = sentence(answer) ?? `The daemon answered ${response.status}.`;
  const kind = response.status === 401 ? 'token' : LATER.includes(response.status) ? 'busy' : 'refused';
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
