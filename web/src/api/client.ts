// The one way to the admin API: typed by its document; errors are problems; a lost session is renewed before a call goes on.
import type { paths } from './schema';
import { problemOf, unreachable } from './problem';
import { session } from '../state/session.svelte';

type Methods = 'get' | 'post' | 'put' | 'patch' | 'delete';
/** The paths that have a method. */
export type PathsOf<M extends Methods> = { [P in keyof paths]: paths[P][M] extends Record<string, unknown> ? P : never }[keyof paths];
type Operation<P extends keyof paths, M extends Methods> = NonNullable<paths[P][M]>;
type Content<T> = T extends { content: { 'application/json': infer B } } ? B : undefined;
type Good<R> = { [S in keyof R]: S extends 200 | 201 | 202 | 204 ? Content<R[S]> : never }[keyof R];

/** What an operation answers with when it went well. */
export type Answer<P extends keyof paths, M extends Methods> = Operation<P, M> extends { responses: infer R } ? Good<R> : never;
/** What an operation can be asked in its query. */
export type Query<P extends keyof paths, M extends Methods> = Operation<P, M> extends { parameters: { query?: infer Q } } ? Q : never;
/** What is said may leave out whatever has a default; answers always have it. */
export type Sparse<T> = T extends readonly (infer I)[] ? Sparse<I>[] : T extends object ? { [K in keyof T]?: Sparse<T[K]> } : T;
/** What an operation takes. */
export type Body<P extends keyof paths, M extends Methods> = Operation<P, M> extends { requestBody?: infer R } ? Sparse<Content<NonNullable<R>>> : never;
type PathWords<P extends keyof paths, M extends Methods> = Operation<P, M> extends { parameters: { path: infer W } } ? W : Record<string, string>;

/** What goes with a call. */
export interface Ask<P extends keyof paths, M extends Methods> {
  path?: PathWords<P, M>;
  query?: Query<P, M>;
  body?: Body<P, M>;
  /** The version that a change is made to; see `Told.version`. */
  version?: string | number | null;
  signal?: AbortSignal;
}

/** An answer with its version. */
export interface Told<T> {
  data: T;
  /** What `If-Match` takes for a change of this. */
  version: string | null;
}

/** A path with its words filled in, and its query. Lists become repeated parameters; what is undefined, null or '' is left out. */
export function address(path: string, words: Record<string, unknown> = {}, query: Record<string, unknown> = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, word: string) => encodeURIComponent(String(words[word] ?? '')));
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && (one !== '' || Array.isArray(value))) asked.append(name, String(one));
    }
  }
  const text = asked.toString();
  return text ? `${filled}?${text}` : filled;
}

async function send(url: string, init: RequestInit, mayWait: boolean): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { credentials: 'same-origin', cache: 'no-cache', ...init });
  } catch (thrown) {
    if (init.signal?.aborted) throw thrown;
    throw unreachable();
  }
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  // The page stays as it is while somebody signs in again over it; then the same call is made once more.
  if (answer.status === 401 && mayWait && (await session.renewed())) return send(url, init, false);
  throw problem;
}

async function call<P extends keyof paths, M extends Methods>(method: M, path: P, ask: Ask<P, M>, mayWait = true): Promise<Told<Answer<P, M>>> {
  const headers: Record<string, string> = { accept: 'application/json' };
  const init: RequestInit = { method: method.toUpperCase(), headers };
  if (ask.signal) init.signal = ask.signal;
  if (ask.body !== undefined) {
    headers['content-type'] = 'application/json';
    init.body = JSON.stringify(ask.body);
  }
  if (ask.version !== undefined && ask.version !== null) {
    const version = String(ask.version);
    headers['if-match'] = version === '*' || version.startsWith('"') || version.startsWith('W/') ? version : `"${version}"`;
  }
  const answer = await send(address(path, ask.path as Record<string, unknown>, ask.query as Record<string, unknown>), init, mayWait);
  const text = await answer.text();
  return { data: (text ? JSON.parse(text) : undefined) as Answer<P, M>, version: answer.headers.get('etag') };
}

/** Asks. */
export async function get<P extends PathsOf<'get'>>(path: P, ask: Ask<P, 'get'> = {}): Promise<Answer<P, 'get'>> {
  return (await call('get', path, ask)).data;
}

/** Asks for a thing that can be changed, with its version. */
export function getVersioned<P extends PathsOf<'get'>>(path: P, ask: Ask<P, 'get'> = {}): Promise<Told<Answer<P, 'get'>>> {
  return call('get', path, ask);
}

/** Makes or does. */
export async function post<P extends PathsOf<'post'>>(path: P, ask: Ask<P, 'post'> = {}): Promise<Answer<P, 'post'>> {
  return (await call('post', path, ask)).data;
}

/** Puts. */
export async function put<P extends PathsOf<'put'>>(path: P, ask: Ask<P, 'put'> = {}): Promise<Answer<P, 'put'>> {
  return (await call('put', path, ask)).data;
}

/** Changes. */
export async function patch<P extends PathsOf<'patch'>>(path: P, ask: Ask<P, 'patch'> = {}): Promise<Answer<P, 'patch'>> {
  return (await call('patch', path, ask)).data;
}

/** Removes or ends. */
export async function remove<P extends PathsOf<'delete'>>(path: P, ask: Ask<P, 'delete'> = {}): Promise<Answer<P, 'delete'>> {
  return (await call('delete', path, ask)).data;
}

/** A call that must not ask anybody to sign in: sign-in itself, and the first question of all. */
export const quiet = {
  me: async () => (await call('get', '/admin/api/me', {}, false)).data,
  login: async (key: string) => (await call('post', '/admin/api/login', { body: { key } }, false)).data,
  logout: async () => void (await call('post', '/admin/api/logout', {}, false)),
  setup: async (body: Body<'/admin/api/setup', 'post'>) => (await call('post', '/admin/api/setup', { body }, false)).data,
};
