/** A proxy in front of a real API server that records every call and injects faults where a test asks for them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type ApiCall, type CallMatcher, matches, parseApiRequest } from './api-call.ts';
import { type Fault, type InjectedFault, statusObject } from './api-fault.ts';
import type { ControlPlane } from './control-plane.ts';

interface ActiveFault {
  matcher: CallMatcher | undefined;
  fault: Fault;
  left: number;
  hits: number;
}

interface OpenWatch {
  call: ApiCall;
  response: ServerResponse;
  upstream: IncomingMessage;
}

/** The proxy. Its URL shows the API server's own certificate, so the control plane's CA is right for both. */
export class FaultProxy {
  readonly url: string;
  /** Every call in the order of arrival; a running watch is among them. */
  readonly record: ApiCall[] = [];
  /** Connections that clients made. */
  readonly connections = { open: 0, peak: 0, total: 0 };
  readonly #controlPlane: ControlPlane;
  readonly #server: ReturnType<typeof createServer>;
  readonly #upstream: Agent;
  readonly #sockets = new Set<Socket>();
  readonly #faults = new Set<ActiveFault>();
  readonly #watches = new Set<OpenWatch>();
  readonly #listeners = new Set<() => void>();
  #hanging: CallMatcher | undefined;

  constructor(controlPlane: ControlPlane, server: ReturnType<typeof createServer>) {
    this.#controlPlane = controlPlane;
    this.#server = server;
    this.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#upstream = new Agent({ keepAlive: true, ca: controlPlane.certificateAuthority });
    server.on('secureConnection', socket => this.#connected(socket));
    server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
      this.#serve(incoming, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
    });
  }

  /** A path of a kubeconfig that goes through this proxy. */
  kubeconfigFor(token: string): string {
    return this.#controlPlane.kubeconfigFor(token, this.url);
  }

  /** Watches that a client has open now. */
  get openWatches(): ApiCall[] {
    return [...this.#watches].map(watch => watch.call);
  }

  /** The recorded calls that match. */
  calls(matcher?: CallMatcher): ApiCall[] {
    return this.record.filter(call => matches(matcher, call));
  }

  /** Resolves with the first `count` matching calls that have an answer; those of the past count too. For a watch its beginning is the answer. */
  async seen(matcher: CallMatcher, count = 1): Promise<ApiCall[]> {
    for (;;) {
      const found = this.calls(call => matches(matcher, call) && (call.status !== 0 || call.endedAt !== undefined));
      if (found.length >= count) return found.slice(0, count);
      await new Promise<void>(resolve => {
        const listener = () => {
          this.#listeners.delete(listener);
          resolve();
        };
        this.#listeners.add(listener);
      });
    }
  }

  /** Forgets the record, not the faults. */
  clear(): void {
    this.record.length = 0;
  }

  /** Makes matching calls fail, or wait. The fault that was added last is asked first. */
  fail(matcher: CallMatcher | undefined, fault: Fault): InjectedFault {
    const active: ActiveFault = { matcher, fault, left: fault.times ?? Infinity, hits: 0 };
    this.#faults.add(active);
    return {
      get hits() {
        return active.hits;
      },
      remove: () => this.#faults.delete(active),
    };
  }

  /** Holds matching calls for a time, then lets them through. */
  delay(matcher: CallMatcher | undefined, delayMs: number, times = Infinity): InjectedFault {
    return this.fail(matcher, { delayMs, times });
  }

  /** Ends the connections of open watches, as a broken network does; `midLine` leaves half an event behind. Returns how many. */
  cutWatches(matcher?: CallMatcher, { midLine = false } = {}): number {
    return this.#eachWatch(matcher, ({ response }) => {
      const cut = () => response.socket?.destroy();
      if (midLine) response.write('{"type":"MODIFIED","object":{"kind":', cut);
      else cut();
    });
  }

  /** Stops passing anything on, to open watches and to those that come, and says nothing: no byte, no FIN. Ends with `resumeWatches`. */
  hangWatches(matcher: CallMatcher = {}): number {
    this.#hanging = matcher;
    return this.#eachWatch(matcher, ({ upstream, response }) => {
      upstream.unpipe(response);
      upstream.pause();
    });
  }

  /** Lets hung watches go on with what they missed. */
  resumeWatches(): void {
    this.#hanging = undefined;
    for (const { upstream, response } of this.#watches) if (upstream.isPaused()) upstream.pipe(response);
  }

  /** Puts a line that is no JSON into open watches; they go on. */
  garbage(matcher?: CallMatcher, line = '\u0000<html>this is no watch event</html>'): number {
    return this.#eachWatch(matcher, ({ response }) => response.write(`${line}\n`));
  }

  /** Ends open watches as the API server does when the resourceVersion is too old: an ERROR event with code 410. */
  expireWatches(matcher?: CallMatcher): number {
    return this.#eachWatch(matcher, ({ response, upstream }) => {
      upstream.unpipe(response);
      upstream.destroy();
      response.end(`${JSON.stringify({ type: 'ERROR', object: statusObject(410, 'Expired', 'too old resource version') })}\n`);
    });
  }

  /** Ends every connection of every client at once. */
  cutConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    this.cutConnections();
    this.#upstream.destroy();
    await closed;
  }

  #eachWatch(matcher: CallMatcher | undefined, act: (watch: OpenWatch) => void): number {
    const hit = [...this.#watches].filter(watch => matches(matcher, watch.call));
    for (const watch of hit) act(watch);
    return hit.length;
  }

  #connected(socket: Socket): void {
    const counts = this.connections;
    this.#sockets.add(socket);
    counts.total++;
    counts.open++;
    counts.peak = Math.max(counts.peak, counts.open);
    socket.on('error', () => {
      // A client that goes away is not this proxy's failure; 'close' follows.
    });
    socket.once('close', () => {
      this.#sockets.delete(socket);
      counts.open--;
    });
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #take(call: ApiCall): Fault | undefined {
    for (const active of [...this.#faults].toReversed()) {
      if (active.left <= 0 || !matches(active.matcher, call)) continue;
      active.left--;
      active.hits++;
      return active.fault;
    }
    return undefined;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const call: ApiCall = {
      ...parseApiRequest(incoming.method ?? 'GET', incoming.url ?? '/'),
      userAgent: incoming.headers['user-agent'] ?? '',
      status: 0,
      bytesIn: 0,
      bytesOut: 0,
      injected: false,
      startedAt: performance.now(),
    };
    this.record.push(call);
    incoming.on('data', (chunk: Buffer) => (call.bytesIn += chunk.length));
    incoming.pause(); // counting must not read the body before someone takes it
    response.once('close', () => {
      call.endedAt = performance.now();
      this.#changed();
    });
    const fault = this.#take(call);
    if (fault?.delayMs) await new Promise(resolve => setTimeout(resolve, fault.delayMs));
    if (fault?.drop === 'before') {
      call.injected = true;
      incoming.socket.destroy();
    } else if (fault?.status === undefined) {
      this.#forward(call, incoming, response, fault);
    } else {
      incoming.resume();
      this.#answer(call, response, fault.status, fault);
    }
  }

  #answer(call: ApiCall, response: ServerResponse, status: number, fault: Fault): void {
    const body = fault.body ?? JSON.stringify(statusObject(status, fault.reason, fault.message));
    call.injected = true;
    call.status = status;
    call.bytesOut = Buffer.byteLength(body);
    const retryAfter = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
    response.writeHead(status, { 'content-type': 'application/json', ...retryAfter }).end(body);
    this.#changed();
  }

  #forward(call: ApiCall, incoming: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
    const { method, headers } = incoming;
    const outgoing = request(`${this.#controlPlane.url}${incoming.url ?? '/'}`, {
      method,
      headers,
      agent: this.#upstream,
      setHost: false,
    });
    outgoing.on('error', () => incoming.socket.destroy()); // what a client of a server that is away sees
    outgoing.on('response', upstream => {
      if (fault?.drop === 'after') {
        call.injected = true;
        upstream.resume();
        incoming.socket.destroy();
        return;
      }
      call.status = upstream.statusCode ?? 0;
      const date = fault?.dateBackMs ? { date: new Date(Date.now() - fault.dateBackMs).toUTCString() } : {};
      response.writeHead(call.status, { ...upstream.headers, ...date });
      response.flushHeaders();
      upstream.on('data', (chunk: Buffer) => (call.bytesOut += chunk.length));
      upstream.on('error', () => incoming.socket.destroy());
      if (call.verb === 'watch' && call.status === 200) this.#watching({ call, response, upstream });
      else upstream.pipe(response);
      this.#changed();
    });
    response.once('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  #watching(watch: OpenWatch): void {
    this.#watches.add(watch);
    watch.response.once('close', () => this.#watches.delete(watch));
    if (this.#hanging !== undefined && matches(this.#hanging, watch.call)) watch.upstream.pause();
    else watch.upstream.pipe(watch.response);
  }
}

/** Starts a proxy in front of a control plane, on a free port of the loopback address. */
export async function startFaultProxy(controlPlane: ControlPlane): Promise<FaultProxy> {
  const { certificate: cert, key } = controlPlane.serverCertificate;
  const server = createServer({ cert, key, keepAliveTimeout: 120_000, requestTimeout: 0 });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return new FaultProxy(controlPlane, server);
}
