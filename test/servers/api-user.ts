import { Agent, type Dispatcher, fetch } from 'undici';
import type { ControlPlane } from '../cluster/control-plane.ts';

export interface Answer<T> {
  status: number;
  retryAfter: string | null;
  body: T;
}

/** Plain requests with one bearer token: these tests are about the servers, so they use nothing of the controller. */
export class ApiUser {
  readonly #url: string;
  readonly #token: string;
  readonly #http: Dispatcher;

  constructor(cluster: Pick<ControlPlane, 'certificateAuthority'>, token: string, url = (cluster as ControlPlane).url) {
    this.#url = url;
    this.#token = token;
    this.#http = new Agent({ connect: { ca: cluster.certificateAuthority } });
  }

  /** One request; a body that is a merge patch for PATCH. The body comes back parsed, whatever the status. */
  async call<T = unknown>(method: string, path: string, body?: object): Promise<Answer<T>> {
    const response = await this.open(method, path, body);
    const text = await response.text();
    return {
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      body: (text ? JSON.parse(text) : undefined) as T,
    };
  }

  /** One request whose body is still to be read. */
  open(method: string, path: string, body?: object) {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return fetch(`${this.#url}${path}`, {
      method,
      dispatcher: this.#http,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': type, 'user-agent': 'api-user' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  }

  /** Repeats a request until its answer is as wanted; the test runner's limit ends the wait. */
  async until<T = unknown>(
    method: string,
    path: string,
    wanted: (answer: Answer<T>) => boolean,
    as: ApiUser = this,
  ): Promise<Answer<T>> {
    for (;;) {
      const answer = await as.call<T>(method, path);
      if (wanted(answer)) return answer;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }

  close(): Promise<void> {
    return this.#http.destroy();
  }
}
