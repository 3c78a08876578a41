/** Recording of, and faults in, the requests that a test's own HTTP server serves: registry, Git. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, Transform } from 'node:stream';

export interface HttpExchange {
  method: string;
  /** Without the query. */
  path: string;
  query: string;
  userAgent: string;
  /** Whether it carried an Authorization header; its value is not kept. */
  authorized: boolean;
  /** 0 until answered. */
  status: number;
  /** Body bytes from and to the client. */
  bytesIn: number;
  bytesOut: number;
}

export type ExchangeMatcher = (exchange: HttpExchange) => boolean;

export interface HttpFault {
  /** Answer with this instead of asking the server. */
  status?: number;
  /** Seconds, or an HTTP date. */
  retryAfter?: number | string;
  headers?: Record<string, string>;
  body?: string;
  /** Cut the connection: at once, or after this many bytes of the answer's body. */
  cutAfterBytes?: number;
  /** Cut the connection when so many bytes of the request's body have gone to the server. */
  cutRequestAfterBytes?: number;
  /** The server does what it is asked, and its answer never comes. */
  dropAnswer?: boolean;
  /** Take the request and say nothing. */
  hang?: boolean;
  /** Pass the answer on with its body changed; the length stays what the server said. */
  corrupt?: (chunk: Buffer) => Buffer;
  delayMs?: number;
  /** How many requests it hits; default: all. */
  times?: number;
}

/** What a server keeps about its requests, and what a test wants to go wrong. */
export class HttpFaults {
  readonly log: HttpExchange[] = [];
  readonly #faults: { matcher: ExchangeMatcher; fault: HttpFault; left: number }[] = [];

  get count(): number {
    return this.log.length;
  }

  get bytesIn(): number {
    return this.log.reduce((sum, { bytesIn }) => sum + bytesIn, 0);
  }

  get bytesOut(): number {
    return this.log.reduce((sum, { bytesOut }) => sum + bytesOut, 0);
  }

  /** Forgets the log, not the faults. */
  clear(): void {
    this.log.length = 0;
  }

  /** Makes matching requests go wrong. Returns a function that ends it. */
  fail(matcher: ExchangeMatcher, fault: HttpFault): () => void {
    const entry = { matcher, fault, left: fault.times ?? Infinity };
    this.#faults.unshift(entry);
    return () => {
      entry.left = 0;
    };
  }

  /** Records a request; resolves to false when a fault has answered it, else to what happens to its answer. */
  async accept(request: IncomingMessage, response: ServerResponse): Promise<Passage | false> {
    const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
    const { headers } = request;
    const authorized = headers.authorization !== undefined;
    const exchange: HttpExchange = {
      method: request.method ?? 'GET',
      path,
      query,
      userAgent: headers['user-agent'] ?? '',
      authorized,
      status: 0,
      bytesIn: 0,
      bytesOut: 0,
    };
    this.log.push(exchange);
    request.on('data', (chunk: Buffer) => (exchange.bytesIn += chunk.length));
    request.pause(); // counting must not read the body before someone takes it
    const entry = this.#faults.find(({ matcher, left }) => left > 0 && matcher(exchange));
    if (!entry) return new Passage(exchange, {});
    entry.left--;
    const { fault } = entry;
    if (fault.delayMs) await new Promise(resolve => setTimeout(resolve, fault.delayMs));
    if (fault.cutAfterBytes === 0) {
      request.socket.destroy();
      return false;
    }
    if (fault.hang) {
      request.resume();
      return false;
    }
    if (fault.status === undefined) return new Passage(exchange, fault);
    request.resume();
    exchange.status = fault.status;
    exchange.bytesOut = Buffer.byteLength(fault.body ?? '');
    const retryAfter = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
    response.writeHead(fault.status, { ...retryAfter, ...fault.headers }).end(fault.body);
    return false;
  }
}

/** The way of one answer to its client: counted, and harmed where a fault says so. */
export class Passage {
  readonly fault: HttpFault;
  readonly #exchange: HttpExchange;

  constructor(exchange: HttpExchange, fault: HttpFault) {
    this.#exchange = exchange;
    this.fault = fault;
  }

  /** Sends head and body. A body that ends too early breaks the connection, as it would without this in between. */
  send(
    status: number,
    headers: Record<string, string | string[] | undefined>,
    body: NodeJS.ReadableStream,
    response: ServerResponse,
  ): void {
    this.#exchange.status = status;
    const present = Object.entries(headers).filter((entry): entry is [string, string | string[]] => entry[1] !== undefined);
    response.writeHead(status, Object.fromEntries(present));
    const count = new Transform({ transform: (chunk: Buffer, _, done) => this.#pass(chunk, response, done) });
    pipeline(body, count, response, error => {
      if (error) response.destroy();
    });
  }

  /** Answers without a body. */
  refuse(status: number, headers: Record<string, string>, response: ServerResponse): void {
    this.#exchange.status = status;
    response.writeHead(status, headers).end();
  }

  #pass(chunk: Buffer, response: ServerResponse, done: (error: Error | null, chunk?: Buffer) => void): void {
    const { cutAfterBytes = Infinity, corrupt } = this.fault;
    this.#exchange.bytesOut += chunk.length;
    if (this.#exchange.bytesOut < cutAfterBytes) return done(null, corrupt ? corrupt(chunk) : chunk);
    const excess = this.#exchange.bytesOut - cutAfterBytes;
    response.write(chunk.subarray(0, chunk.length - excess), () => response.socket?.destroy());
    return done(new Error('cut by the test'));
  }
}
