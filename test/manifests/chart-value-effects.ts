/** What each value of the chart does: one that changes it, and a text that only then is, or only then is not, in what is rendered. */

export interface ValueEffect {
  /** Another value than the default. */
  value: unknown;
  /** Is in what is rendered with the value, and not without it. */
  shows?: RegExp;
  /** Is in what is rendered without the value, and not with it. */
  hides?: RegExp;
  /** What else has to be set, by path, for the value to matter. */
  needs?: Readonly<Record<string, unknown>>;
  /** Rendered by itself, because it takes away or contradicts what others need. */
  alone?: true;
}

const map = (name: string) => ({ value: { [`example.com/${name}`]: 'yes' }, shows: new RegExp(`"example.com/${name}":"yes"`) });
const image = (name: string): Record<string, ValueEffect> => ({
  repository: { value: `registry.example.com/${name}`, shows: new RegExp(`"registry.example.com/${name}:[^"]*"`) },
  tag: { value: `v9-${name}`, shows: new RegExp(`:v9-${name}"`) },
  digest: {
    value: `sha256:${'ab'.repeat(32)}`,
    shows: new RegExp(`${name}@sha256:(ab){32}"`),
    alone: true,
  },
});

const prefixed = (prefix: string, effects: Readonly<Record<string, ValueEffect>>): Record<string, ValueEffect> =>
  Object.fromEntries(Object.entries(effects).map(([key, effect]) => [`${prefix}.${key}`, effect]));

/** What the two workloads have in common. */
const workload = (name: string, flag: string): Record<string, ValueEffect> =>
  prefixed(name, {
    extraArgs: { value: [flag], shows: new RegExp(`"${flag}"`) },
    extraEnv: { value: [{ name: `${name}_env`, value: 'x' }], shows: new RegExp(`"name":"${name}_env"`) },
    extraVolumes: {
      value: [{ name: `${name}-volume`, emptyDir: {} }],
      shows: new RegExp(`"name":"${name}-volume","emptyDir"|"emptyDir":\\{\\},"name":"${name}-volume"`),
    },
    extraVolumeMounts: {
      value: [{ name: `${name}-volume`, mountPath: `/${name}` }],
      shows: new RegExp(`"mountPath":"/${name}"`),
    },
    resources: { value: { limits: { memory: `${name.length}Gi` } }, shows: new RegExp(`"memory":"${name.length}Gi"`) },
    priorityClassName: { value: `${name}-priority`, shows: new RegExp(`"priorityClassName":"${name}-priority"`) },
    nodeSelector: map(`${name}-nodes`),
    tolerations: { value: [{ key: `${name}-taint`, operator: 'Exists' }], shows: new RegExp(`"key":"${name}-taint"`) },
    affinity: {
      value: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: `${name}-affinity`, operator: 'Exists' }] }],
          },
        },
      },
      shows: new RegExp(`"key":"${name}-affinity"`),
    },
    podLabels: map(`${name}-pods`),
    podAnnotations: map(`${name}-annotated`),
    startupProbe: {
      value: { failureThreshold: 1000 + name.length },
      shows: new RegExp(`"failureThreshold":${1000 + name.length}`),
    },
    livenessProbe: {
      value: { failureThreshold: 2000 + name.length },
      shows: new RegExp(`"failureThreshold":${2000 + name.length}`),
    },
    'serviceAccount.annotations': map(`${name}-account`),
  });

const monitor = (name: string, kind: string): Record<string, ValueEffect> => {
  const enabled = { [`monitoring.${name}.enabled`]: true };
  return prefixed(`monitoring.${name}`, {
    enabled: { value: true, shows: new RegExp(`"kind":"${kind}"`) },
    labels: { ...map(name), needs: enabled },
    interval: { value: `${name.length}h`, shows: new RegExp(`"interval":"${name.length}h"`), needs: enabled },
    scrapeTimeout: { value: `${name.length}m`, shows: new RegExp(`"scrapeTimeout":"${name.length}m"`), needs: enabled },
    relabelings: {
      value: [{ action: 'labeldrop', regex: `${name}-target` }],
      shows: new RegExp(`"relabelings":\\[[^\\]]*"${name}-target"`),
      needs: enabled,
    },
    metricRelabelings: {
      value: [{ action: 'labeldrop', regex: `${name}-sample` }],
      shows: new RegExp(`"metricRelabelings":\\[[^\\]]*"${name}-sample"`),
      needs: enabled,
    },
  });
};

const webhooks = { 'webhook.enabled': true, 'webhook.ingress.enabled': true };

const hooks = { 'hooks.withoutCluster': true };

/** Every value of values.yaml by its path; a test holds that none is missing. */
export const valueEffects: Readonly<Record<string, ValueEffect>> = {
  ...prefixed('image', image('scantling')),
  'image.pullPolicy': { value: 'Always', shows: /"imagePullPolicy":"Always"/ },
  imagePullSecrets: { value: [{ name: 'pull' }], shows: /"imagePullSecrets":\[\{"name":"pull"\}\]/ },
  nameOverride: { value: 'west', shows: /"name":"west-controller"/, needs: { 'agent.enabled': false }, alone: true },
  commonLabels: map('common'),
  logLevel: { value: 'debug', shows: /"--log-level=debug"/ },
  insecureRegistries: { value: ['a:5000', 'b:5000'], shows: /"--insecure-registries=a:5000,b:5000"/ },
  registries: { value: [{ prefix: 'lab.example.com' }], shows: /registries:\\n- prefix: lab.example.com\\n/ },
  'crds.install': { value: false, hides: /"kind":"CustomResourceDefinition"/, alone: true },
  'crds.keep': { value: false, hides: /"helm.sh\/resource-policy":"keep"/, alone: true },
  'namespace.create': { value: true, shows: /"kind":"Namespace","metadata":\{"name":"scantling-system"/ },
  'namespace.labels': { ...map('namespace'), needs: { 'namespace.create': true } },
  'rbac.secretNames': { value: ['one', 'two'], shows: /"resourceNames":\["one","two"\]/ },
  userRoles: { value: false, hides: /"name":"scantling-view"/, alone: true },
  'admission.enabled': { value: false, hides: /"kind":"ValidatingAdmissionPolicy"/, alone: true },
  'admission.controllers': {
    value: ['scantling-system:west-controller'],
    shows: /system:serviceaccount:scantling-system:west-controller/,
  },
  'caBundle.configMapName': { value: 'authorities', shows: /"configMap":\{"name":"authorities"\}/ },
  'caBundle.secretName': { value: 'authority', shows: /"secret":\{"secretName":"authority"\}/, alone: true },
  'caBundle.key': {
    value: 'bundle.pem',
    shows: /"NODE_EXTRA_CA_CERTS","value":"\/etc\/scantling\/ca\/bundle.pem"/,
    needs: { 'caBundle.configMapName': 'authorities' },
  },
  'proxy.http': { value: 'http://proxy:1', shows: /"name":"HTTP_PROXY","value":"http:\/\/proxy:1"/ },
  'proxy.https': { value: 'http://proxy:2', shows: /"name":"HTTPS_PROXY","value":"http:\/\/proxy:2"/ },
  'proxy.noProxy': { value: ['.lan', '10.0.0.0/8'], shows: /"name":"NO_PROXY","value":".lan,10.0.0.0\/8"/ },
  'tracing.endpoint': {
    value: 'http://traces:4318',
    shows: /"name":"OTEL_EXPORTER_OTLP_ENDPOINT","value":"http:\/\/traces:4318"/,
  },
  'tracing.env': { value: { OTEL_TRACES_SAMPLER_ARG: 0.5 }, shows: /"name":"OTEL_TRACES_SAMPLER_ARG","value":"0.5"/ },
  'networkPolicy.enabled': { value: false, hides: /"kind":"NetworkPolicy"/, alone: true },
  'networkPolicy.metricsFrom': {
    value: [{ namespaceSelector: { matchLabels: { is: 'metrics' } } }],
    shows: /"matchLabels":\{"is":"metrics"\}/,
  },
  'networkPolicy.webhookFrom': {
    value: [{ namespaceSelector: { matchLabels: { is: 'hooks' } } }],
    shows: /"matchLabels":\{"is":"hooks"\}/,
    needs: { 'webhook.enabled': true },
  },
  'networkPolicy.egress': { value: [{ ports: [{ port: 443 }] }], shows: /"egress":\[\{"ports":\[\{"port":443\}\]\}\]/ },
  'networkPolicy.builderEgress': { value: [{ ports: [{ port: 5000 }] }], shows: /"egress":\[\{"ports":\[\{"port":5000\}\]\}\]/ },
  'priorityQuota.enabled': { value: true, shows: /"kind":"ResourceQuota"/ },
  ...monitor('serviceMonitor', 'ServiceMonitor'),
  ...monitor('podMonitor', 'PodMonitor'),
  'monitoring.prometheusRule.enabled': { value: true, shows: /"kind":"PrometheusRule"/ },
  'monitoring.prometheusRule.labels': { ...map('rules'), needs: { 'monitoring.prometheusRule.enabled': true } },
  'monitoring.prometheusRule.runbookBaseURL': {
    value: 'https://docs.example.com/runbooks/',
    shows: /"runbook_url":"https:\/\/docs.example.com\/runbooks\/ScantlingNoLeader.md"/,
    needs: { 'monitoring.prometheusRule.enabled': true },
  },
  'monitoring.dashboard.enabled': { value: true, shows: /"name":"scantling-dashboard"/ },
  'monitoring.dashboard.labels': { ...map('dashboard'), needs: { 'monitoring.dashboard.enabled': true } },
  'monitoring.dashboard.annotations': { ...map('board'), needs: { 'monitoring.dashboard.enabled': true } },
  'webhook.enabled': { value: true, shows: /"--webhook-address=:/ },
  'webhook.port': { value: 9999, shows: /"containerPort":9999/, needs: webhooks },
  'webhook.service.type': { value: 'LoadBalancer', shows: /"type":"LoadBalancer"/, needs: webhooks },
  'webhook.service.port': { value: 8443, shows: /"port":8443,"targetPort":"webhook"/, needs: webhooks },
  'webhook.service.annotations': { ...map('service'), needs: webhooks },
  'webhook.ingress.enabled': { value: true, shows: /"kind":"Ingress"/, needs: { 'webhook.enabled': true } },
  'webhook.ingress.className': { value: 'edge', shows: /"ingressClassName":"edge"/, needs: webhooks },
  'webhook.ingress.host': { value: 'hooks.example.com', shows: /"host":"hooks.example.com"/, needs: webhooks },
  'webhook.ingress.tls': {
    value: [{ secretName: 'hooks-tls' }],
    shows: /"tls":\[\{"secretName":"hooks-tls"\}\]/,
    needs: webhooks,
  },
  'webhook.ingress.annotations': { ...map('ingress'), needs: webhooks },
  'controller.replicas': { value: 5, shows: /"replicas":5/ },
  'controller.shardSelector': { value: 'scantling.dev/shard=west', shows: /"--shard-selector=scantling.dev\/shard=west"/ },
  ...workload('controller', '--concurrent-builds=8'),
  'controller.topologySpreadConstraints': {
    value: [{ maxSkew: 7, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule' }],
    shows: /"topologySpreadConstraints":\[\{"maxSkew":7,"topologyKey":"rack"/,
  },
  'controller.podDisruptionBudget.enabled': { value: false, hides: /"kind":"PodDisruptionBudget"/, alone: true },
  'controller.podDisruptionBudget.maxUnavailable': { value: '50%', shows: /"maxUnavailable":"50%"/ },
  'controller.trustClaimName': { value: 'roots', shows: /"persistentVolumeClaim":\{"claimName":"roots"\}/ },
  'controller.podSecurityContext': { value: { runAsUser: 1000 }, shows: /"runAsUser":1000/ },
  'controller.securityContext': { value: { runAsUser: 2000 }, shows: /"runAsUser":2000/ },
  'agent.readinessProbe': { value: { failureThreshold: 4000 }, shows: /"failureThreshold":4000/ },
  'controller.readinessProbe': { value: { failureThreshold: 3000 }, shows: /"failureThreshold":3000/ },
  'agent.enabled': { value: false, hides: /"kind":"DaemonSet"/, alone: true },
  'agent.namespace': { value: 'pull-secrets', shows: /"--agent-namespace=pull-secrets"/ },
  'agent.createNamespace': { value: false, hides: /"kind":"Namespace"/, alone: true },
  ...workload('agent', '--heartbeat-interval=10m'),
  'agent.maxUnavailable': { value: 3, shows: /"rollingUpdate":\{"maxUnavailable":3\}/ },
  'agent.metrics.enabled': { value: true, shows: /"--http-address=:9617"/ },
  ...prefixed('builder.image', image('scantling-builder')),
  'builder.builders': { value: ['process', 'job'], shows: /"--builders=process,job"/ },
  'builder.resources': {
    value: { requests: { cpu: 1, memory: '1Gi' }, limits: { memory: '4Gi' } },
    shows: /"--builder-limits=memory=4Gi","--builder-requests=cpu=1,memory=1Gi"/,
  },
  'builder.serviceAccount.create': {
    value: false,
    hides: /"kind":"ServiceAccount","metadata":\{"name":"scantling-builder"/,
    alone: true,
  },
  'builder.serviceAccount.name': { value: 'builds', shows: /"--builder-service-account=builds"/ },
  'builder.serviceAccount.annotations': map('builder-account'),
  'hooks.withoutCluster': { value: true, shows: /"helm.sh\/hook":"test"/ },
  'uninstall.enabled': { value: false, hides: /"helm.sh\/hook":"pre-delete"/, needs: hooks, alone: true },
  'uninstall.timeoutSeconds': { value: 77, shows: /"--timeout=77s"/, needs: hooks },
};

/** All that can be changed at once, by path. */
export function everythingChanged(): Record<string, unknown> {
  const together = Object.entries(valueEffects).filter(([, { alone }]) => !alone);
  // The later ones win, so that a value that another one needs is what the table says of it.
  const needed = Object.assign({}, ...together.map(([, { needs }]) => needs ?? {})) as Record<string, unknown>;
  return { ...needed, ...Object.fromEntries(together.map(([path, { value }]) => [path, value])) };
}

/** Values by path as Helm takes them. */
export function valuesOf(paths: Readonly<Record<string, unknown>>): object {
  const all: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(paths)) set(all, path.split('.'), value);
  return all;
}

function set(values: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) values[key] = value;
  else set((values[key] ??= {}) as Record<string, unknown>, rest, value);
}
