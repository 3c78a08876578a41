// Generated from crds/ by `npm run generate`. Do not edit.
/* oxlint-disable max-lines */

/** The part of an OpenAPI v3 schema that our CRDs use. */
export interface Schema {
  type?: string;
  format?: string;
  properties?: Readonly<Record<string, Schema>>;
  additionalProperties?: Schema;
  items?: Schema;
  required?: readonly string[];
  default?: unknown;
  enum?: readonly unknown[];
  pattern?: string;
  /** Patterns, each with what to say of a text that does not match. */
  matches?: readonly { pattern: string; message: string }[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: readonly string[];
}

/** The schema of spec, by kind, of the kinds that may come from a repository. */
export const specSchemas: Readonly<Record<string, Schema>> = {
  SystemAddon: {
    type: 'object',
    required: ['variants', 'output'],
    properties: {
      suspend: { type: 'boolean', default: false },
      sourceRef: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 253 },
          path: { type: 'string', default: '.', maxLength: 1024 },
          revision: {
            type: 'string',
            maxLength: 512,
            matches: [{ pattern: '^[^@\\s]+@sha1:[0-9a-f]{40}$', message: 'must be a revision, as main@sha1:<40 hex digits>' }],
          },
        },
      },
      variants: {
        type: 'array',
        minItems: 1,
        maxItems: 32,
        'x-kubernetes-list-type': 'atomic',
        items: {
          type: 'object',
          required: ['source'],
          properties: {
            platform: { type: 'string', enum: ['linux/amd64', 'linux/arm64', '_any'], default: 'linux/amd64' },
            os: {
              type: 'object',
              default: {},
              properties: {
                id: {
                  type: 'string',
                  default: '_any',
                  minLength: 1,
                  maxLength: 64,
                  matches: [
                    {
                      pattern: '^(_any|[a-z0-9][a-z0-9._-]*)$',
                      message: 'must be the ID of a system as /etc/os-release writes it, as fedora, or _any',
                    },
                  ],
                },
                versionId: {
                  type: 'string',
                  minLength: 1,
                  maxLength: 64,
                  matches: [
                    { pattern: '^[a-z0-9._-]+$', message: 'must be a VERSION_ID as /etc/os-release writes it, as 42 or 12.1' },
                  ],
                },
                sysextLevel: {
                  type: 'string',
                  minLength: 1,
                  maxLength: 64,
                  matches: [{ pattern: '^[a-z0-9._-]+$', message: 'must be a SYSEXT_LEVEL as /etc/os-release writes it, as 2' }],
                },
              },
            },
            source: {
              type: 'object',
              properties: {
                image: {
                  type: 'object',
                  required: ['reference'],
                  properties: {
                    reference: {
                      type: 'string',
                      minLength: 1,
                      maxLength: 1024,
                      matches: [
                        {
                          pattern:
                            '^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$',
                          message:
                            'must be an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>',
                        },
                        {
                          pattern: '(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$',
                          message:
                            'needs a tag or a digest, which say what of the repository is meant, as registry.example.com/team/base:1',
                        },
                      ],
                    },
                    path: {
                      type: 'string',
                      minLength: 1,
                      maxLength: 1024,
                      default: '/',
                      matches: [{ pattern: '^/', message: 'must be an absolute path, as /rootfs' }],
                    },
                    over: {
                      type: 'string',
                      minLength: 1,
                      maxLength: 1024,
                      matches: [
                        {
                          pattern:
                            '^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$',
                          message:
                            'must be an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>',
                        },
                        {
                          pattern: '(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$',
                          message:
                            'needs a tag or a digest, which say what of the repository is meant, as registry.example.com/team/base:1',
                        },
                      ],
                    },
                    ignore: {
                      type: 'array',
                      maxItems: 64,
                      'x-kubernetes-list-type': 'set',
                      items: {
                        type: 'string',
                        minLength: 2,
                        maxLength: 1024,
                        matches: [
                          { pattern: '^/.*[^/]$', message: 'must be an absolute path without a slash at its end, as /etc' },
                        ],
                      },
                    },
                  },
                },
                packages: {
                  type: 'object',
                  required: ['base', 'manager', 'install'],
                  properties: {
                    base: {
                      type: 'object',
                      properties: {
                        image: {
                          type: 'string',
                          minLength: 1,
                          maxLength: 1024,
                          matches: [
                            {
                              pattern:
                                '^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$',
                              message:
                                'must be an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>',
                            },
                            {
                              pattern: '(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$',
                              message:
                                'needs a tag or a digest, which say what of the repository is meant, as registry.example.com/team/base:1',
                            },
                          ],
                        },
                        definitionRef: {
                          type: 'object',
                          required: ['name'],
                          properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
                        },
                        update: { type: 'string', enum: ['Always', 'Manual'], default: 'Always' },
                      },
                    },
                    manager: { type: 'string', enum: ['dnf', 'apt', 'zypper'] },
                    repositories: {
                      type: 'array',
                      minItems: 1,
                      maxItems: 10,
                      'x-kubernetes-list-type': 'map',
                      'x-kubernetes-list-map-keys': ['name'],
                      items: {
                        type: 'object',
                        required: ['name', 'url'],
                        properties: {
                          name: {
                            type: 'string',
                            minLength: 1,
                            maxLength: 63,
                            matches: [
                              {
                                pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
                                message:
                                  'must hold only letters, digits, ".", "_" and "-", and begin with a letter or digit, as k8s-stable',
                              },
                            ],
                          },
                          url: {
                            type: 'string',
                            maxLength: 1024,
                            matches: [
                              {
                                pattern: '^(https?|file)://[!-~]+$',
                                message:
                                  'must be a URL that begins with https://, http:// or file://, without spaces, as https://packages.example.com/42/',
                              },
                            ],
                          },
                          suite: {
                            type: 'string',
                            default: './',
                            maxLength: 128,
                            matches: [
                              {
                                pattern: '^[A-Za-z0-9./_-]+$',
                                message: 'must hold only letters, digits, ".", "/", "_" and "-", as bookworm-updates/main',
                              },
                            ],
                          },
                          components: {
                            type: 'array',
                            maxItems: 10,
                            'x-kubernetes-list-type': 'atomic',
                            items: {
                              type: 'string',
                              maxLength: 64,
                              matches: [
                                {
                                  pattern: '^[A-Za-z0-9./_-]+$',
                                  message: 'must hold only letters, digits, ".", "/", "_" and "-", as bookworm-updates/main',
                                },
                              ],
                            },
                          },
                          gpgKey: { type: 'string', maxLength: 65536 },
                          gpgCheck: { type: 'boolean', default: true },
                        },
                      },
                    },
                    install: {
                      type: 'array',
                      minItems: 1,
                      maxItems: 200,
                      'x-kubernetes-list-type': 'set',
                      items: {
                        type: 'string',
                        minLength: 1,
                        maxLength: 256,
                        matches: [
                          {
                            pattern: '^[A-Za-z0-9@][A-Za-z0-9@+._:=~*/-]*$',
                            message:
                              'must be one package, with its version where wanted, as vim or kubelet-1.36.3; an option of the package manager is none',
                          },
                        ],
                      },
                    },
                    ignore: {
                      type: 'array',
                      maxItems: 64,
                      'x-kubernetes-list-type': 'set',
                      items: {
                        type: 'string',
                        minLength: 2,
                        maxLength: 1024,
                        matches: [
                          {
                            pattern: '^/.*[^/]$',
                            message: 'must be an absolute path without a slash at its end, as /usr/share/doc',
                          },
                        ],
                      },
                    },
                    build: {
                      type: 'object',
                      properties: {
                        builder: { type: 'string', enum: ['Job', 'Process'] },
                        timeout: {
                          type: 'string',
                          default: '30m',
                          maxLength: 32,
                          matches: [{ pattern: '^([0-9]+(ms|s|m|h))+$', message: 'must be a duration, as 90s or 1h30m' }],
                        },
                        resources: {
                          type: 'object',
                          properties: {
                            requests: {
                              type: 'object',
                              maxProperties: 16,
                              additionalProperties: { type: 'string', maxLength: 64 },
                            },
                            limits: {
                              type: 'object',
                              maxProperties: 16,
                              additionalProperties: { type: 'string', maxLength: 64 },
                            },
                          },
                        },
                        nodeSelector: {
                          type: 'object',
                          maxProperties: 32,
                          additionalProperties: { type: 'string', maxLength: 63 },
                        },
                        tolerations: {
                          type: 'array',
                          maxItems: 32,
                          'x-kubernetes-list-type': 'atomic',
                          items: {
                            type: 'object',
                            properties: {
                              key: { type: 'string', maxLength: 316 },
                              operator: { type: 'string', enum: ['Exists', 'Equal'] },
                              value: { type: 'string', maxLength: 63 },
                              effect: { type: 'string', enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] },
                              tolerationSeconds: { type: 'integer', format: 'int64' },
                            },
                          },
                        },
                        priorityClassName: { type: 'string', minLength: 1, maxLength: 253 },
                        proxy: {
                          type: 'object',
                          properties: {
                            http: {
                              type: 'string',
                              maxLength: 1024,
                              matches: [
                                {
                                  pattern: '^https?://[^@\\s]+$',
                                  message:
                                    'must be a URL that begins with http:// or https://, without spaces and without credentials, as http://proxy.example.com:3128',
                                },
                              ],
                            },
                            https: {
                              type: 'string',
                              maxLength: 1024,
                              matches: [
                                {
                                  pattern: '^https?://[^@\\s]+$',
                                  message:
                                    'must be a URL that begins with http:// or https://, without spaces and without credentials, as http://proxy.example.com:3128',
                                },
                              ],
                            },
                            noProxy: { type: 'string', maxLength: 4096 },
                          },
                        },
                        caBundleRef: {
                          type: 'object',
                          required: ['name'],
                          properties: {
                            name: { type: 'string', minLength: 1, maxLength: 253 },
                            key: {
                              type: 'string',
                              default: 'ca.crt',
                              minLength: 1,
                              maxLength: 253,
                              matches: [
                                {
                                  pattern: '^[-._a-zA-Z0-9]+$',
                                  message: 'must hold only letters, digits, ".", "_" and "-", as ca.crt',
                                },
                              ],
                            },
                          },
                        },
                      },
                    },
                  },
                },
                files: {
                  type: 'array',
                  maxItems: 250,
                  'x-kubernetes-list-type': 'map',
                  'x-kubernetes-list-map-keys': ['path'],
                  items: {
                    type: 'object',
                    required: ['path'],
                    properties: {
                      path: {
                        type: 'string',
                        minLength: 2,
                        maxLength: 512,
                        matches: [
                          {
                            pattern: '^/(usr|opt)/.*[^/]$',
                            message: 'must be an absolute path below /usr or /opt, where extensions are merged, as /usr/bin/tool',
                          },
                        ],
                      },
                      mode: {
                        type: 'string',
                        maxLength: 32,
                        default: '0644',
                        matches: [{ pattern: '^0?[0-7]{3,4}$', message: 'must be an octal mode, as "0644"' }],
                      },
                      content: { type: 'string', maxLength: 262144 },
                      from: { type: 'string', minLength: 1, maxLength: 1024 },
                    },
                  },
                },
                trees: {
                  type: 'array',
                  minItems: 1,
                  maxItems: 20,
                  'x-kubernetes-list-type': 'atomic',
                  items: {
                    type: 'object',
                    required: ['from', 'to'],
                    properties: {
                      from: { type: 'string', minLength: 1, maxLength: 1024 },
                      to: {
                        type: 'string',
                        minLength: 1,
                        maxLength: 1024,
                        matches: [{ pattern: '^/', message: 'must be an absolute path, as /usr/share/app' }],
                      },
                    },
                  },
                },
                units: {
                  type: 'array',
                  maxItems: 50,
                  'x-kubernetes-list-type': 'map',
                  'x-kubernetes-list-map-keys': ['name'],
                  items: {
                    type: 'object',
                    required: ['name'],
                    properties: {
                      name: {
                        type: 'string',
                        minLength: 3,
                        maxLength: 255,
                        matches: [
                          {
                            pattern:
                              '^[A-Za-z0-9:_.@\\\\-]+\\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$',
                            message: 'must be the name of a unit with its type, as sshd.service',
                          },
                        ],
                      },
                      contents: { type: 'string', maxLength: 65536 },
                      dropIns: {
                        type: 'array',
                        maxItems: 10,
                        'x-kubernetes-list-type': 'map',
                        'x-kubernetes-list-map-keys': ['name'],
                        items: {
                          type: 'object',
                          required: ['name', 'contents'],
                          properties: {
                            name: {
                              type: 'string',
                              minLength: 6,
                              maxLength: 128,
                              matches: [
                                {
                                  pattern: '^[A-Za-z0-9:_.@\\\\-]+\\.conf$',
                                  message: 'must be the name of a file that ends in .conf, as 10-memory.conf',
                                },
                              ],
                            },
                            contents: { type: 'string', maxLength: 65536 },
                          },
                        },
                      },
                    },
                  },
                },
              },
            },
          },
        },
      },
      services: {
        type: 'array',
        maxItems: 32,
        'x-kubernetes-list-type': 'set',
        items: {
          type: 'string',
          minLength: 3,
          maxLength: 255,
          matches: [
            {
              pattern: '^[A-Za-z0-9:_.@\\\\-]+\\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$',
              message: 'must be the name of a unit with its type, as kubelet.service',
            },
          ],
        },
      },
      apply: {
        type: 'object',
        properties: { mode: { type: 'string', enum: ['Reboot', 'Live'], default: 'Reboot' }, drain: { type: 'boolean' } },
      },
      requires: {
        type: 'object',
        properties: {
          addons: {
            type: 'array',
            maxItems: 32,
            'x-kubernetes-list-type': 'set',
            items: {
              type: 'string',
              minLength: 1,
              maxLength: 63,
              matches: [
                {
                  pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$',
                  message: 'must be the name of a SystemAddon, as container-runtime',
                },
              ],
            },
          },
          systemd: { type: 'integer', format: 'int32', minimum: 252, maximum: 9999 },
          kernelModules: {
            type: 'array',
            maxItems: 32,
            'x-kubernetes-list-type': 'set',
            items: {
              type: 'string',
              minLength: 1,
              maxLength: 64,
              matches: [{ pattern: '^[A-Za-z0-9_-]+$', message: 'must be the name of a kernel module, as br_netfilter' }],
            },
          },
          paths: {
            type: 'array',
            maxItems: 32,
            'x-kubernetes-list-type': 'set',
            items: {
              type: 'string',
              minLength: 2,
              maxLength: 256,
              matches: [
                { pattern: '^/.*[^/]$', message: 'must be an absolute path without a slash at its end, as /usr/bin/runc' },
              ],
            },
          },
        },
      },
      allowSetuid: { type: 'boolean', default: false },
      allowReplace: { type: 'array', maxItems: 64, 'x-kubernetes-list-type': 'set', items: { type: 'string', maxLength: 512 } },
      output: {
        type: 'object',
        required: ['repository'],
        properties: {
          repository: { type: 'string', minLength: 1, maxLength: 512 },
          pushSecretRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
        },
      },
      pullSecretRef: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
      },
      signing: {
        type: 'object',
        required: ['keySecretRef'],
        properties: {
          keySecretRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
          previousKeySecretRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
          provenance: { type: 'boolean', default: true },
        },
      },
      history: {
        type: 'object',
        default: {},
        properties: {
          successful: { type: 'integer', format: 'int32', minimum: 1, maximum: 100, default: 5 },
          prune: { type: 'string', enum: ['None', 'Images'], default: 'None' },
          gracePeriod: {
            type: 'string',
            default: '24h',
            maxLength: 32,
            matches: [{ pattern: '^([0-9]+(ms|s|m|h))+$', message: 'must be a duration, as 90s or 1h30m' }],
          },
        },
      },
      interval: { type: 'string', default: '10m', maxLength: 32 },
    },
  },
  SystemDefinition: {
    type: 'object',
    required: ['base', 'output'],
    properties: {
      base: {
        type: 'object',
        properties: {
          image: {
            type: 'string',
            minLength: 1,
            maxLength: 1024,
            matches: [
              {
                pattern:
                  '^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$',
                message:
                  'must be an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>',
              },
              {
                pattern: '(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$',
                message:
                  'needs a tag or a digest, which say what of the repository is meant, as registry.example.com/team/base:1',
              },
            ],
          },
          definitionRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
          pullSecretRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
          update: { type: 'string', enum: ['Always', 'Manual'], default: 'Always' },
          interval: { type: 'string', default: '10m', maxLength: 32 },
        },
      },
      sourceRef: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 253 },
          path: { type: 'string', default: '.', maxLength: 1024 },
          revision: {
            type: 'string',
            maxLength: 512,
            matches: [{ pattern: '^[^@\\s]+@sha1:[0-9a-f]{40}$', message: 'must be a revision, as main@sha1:<40 hex digits>' }],
          },
        },
      },
      packages: {
        type: 'object',
        required: ['manager'],
        properties: {
          manager: { type: 'string', enum: ['dnf', 'apt', 'zypper'] },
          repositories: {
            type: 'array',
            minItems: 1,
            maxItems: 50,
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['name'],
            items: {
              type: 'object',
              required: ['name', 'url'],
              properties: {
                name: {
                  type: 'string',
                  minLength: 1,
                  maxLength: 63,
                  matches: [
                    {
                      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
                      message:
                        'must hold only letters, digits, ".", "_" and "-", and begin with a letter or digit, as k8s-stable',
                    },
                  ],
                },
                url: {
                  type: 'string',
                  maxLength: 1024,
                  matches: [
                    {
                      pattern: '^(https?|file)://[!-~]+$',
                      message:
                        'must be a URL that begins with https://, http:// or file://, without spaces, as https://packages.example.com/42/',
                    },
                  ],
                },
                suite: {
                  type: 'string',
                  default: './',
                  maxLength: 128,
                  matches: [
                    {
                      pattern: '^[A-Za-z0-9./_-]+$',
                      message: 'must hold only letters, digits, ".", "/", "_" and "-", as bookworm-updates/main',
                    },
                  ],
                },
                components: {
                  type: 'array',
                  maxItems: 20,
                  'x-kubernetes-list-type': 'atomic',
                  items: {
                    type: 'string',
                    maxLength: 64,
                    matches: [
                      {
                        pattern: '^[A-Za-z0-9./_-]+$',
                        message: 'must hold only letters, digits, ".", "/", "_" and "-", as bookworm-updates/main',
                      },
                    ],
                  },
                },
                gpgKey: { type: 'string', maxLength: 65536 },
                gpgCheck: { type: 'boolean', default: true },
                keep: { type: 'boolean', default: false },
              },
            },
          },
          install: {
            type: 'array',
            minItems: 1,
            maxItems: 1000,
            'x-kubernetes-list-type': 'set',
            items: {
              type: 'string',
              minLength: 1,
              maxLength: 256,
              matches: [
                {
                  pattern: '^[A-Za-z0-9@][A-Za-z0-9@+._:=~*/-]*$',
                  message:
                    'must be one package, with its version where wanted, as vim or kubelet-1.36.3; an option of the package manager is none',
                },
              ],
            },
          },
          remove: {
            type: 'array',
            minItems: 1,
            maxItems: 1000,
            'x-kubernetes-list-type': 'set',
            items: {
              type: 'string',
              minLength: 1,
              maxLength: 256,
              matches: [
                {
                  pattern: '^[A-Za-z0-9@][A-Za-z0-9@+._:=~*/-]*$',
                  message:
                    'must be one package, with its version where wanted, as vim or kubelet-1.36.3; an option of the package manager is none',
                },
              ],
            },
          },
        },
      },
      containerfile: {
        type: 'object',
        properties: {
          inline: { type: 'string', minLength: 1, maxLength: 65536 },
          from: { type: 'string', minLength: 1, maxLength: 1024 },
          context: { type: 'string', minLength: 1, maxLength: 1024 },
        },
      },
      files: {
        type: 'array',
        maxItems: 1000,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['path'],
        items: {
          type: 'object',
          required: ['path'],
          properties: {
            path: {
              type: 'string',
              minLength: 2,
              maxLength: 1024,
              matches: [{ pattern: '^/.*[^/]$', message: 'must be an absolute path without a slash at its end, as /etc/motd' }],
            },
            mode: {
              type: 'string',
              maxLength: 32,
              default: '0644',
              matches: [{ pattern: '^0?[0-7]{3,4}$', message: 'must be an octal mode, as "0644"' }],
            },
            content: { type: 'string', maxLength: 262144 },
            from: { type: 'string', minLength: 1, maxLength: 1024 },
          },
        },
      },
      trees: {
        type: 'array',
        minItems: 1,
        maxItems: 100,
        'x-kubernetes-list-type': 'atomic',
        items: {
          type: 'object',
          required: ['from', 'to'],
          properties: {
            from: { type: 'string', minLength: 1, maxLength: 1024 },
            to: {
              type: 'string',
              minLength: 1,
              maxLength: 1024,
              matches: [{ pattern: '^/', message: 'must be an absolute path, as /usr/share/app' }],
            },
          },
        },
      },
      units: {
        type: 'array',
        maxItems: 500,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: {
          type: 'object',
          required: ['name'],
          properties: {
            name: {
              type: 'string',
              minLength: 3,
              maxLength: 255,
              matches: [
                {
                  pattern: '^[A-Za-z0-9:_.@\\\\-]+\\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$',
                  message: 'must be the name of a unit with its type, as sshd.service',
                },
              ],
            },
            enabled: { type: 'boolean' },
            wantedBy: {
              type: 'array',
              maxItems: 20,
              'x-kubernetes-list-type': 'set',
              items: {
                type: 'string',
                minLength: 3,
                maxLength: 255,
                matches: [
                  {
                    pattern: '^[A-Za-z0-9:_.@\\\\-]+\\.[a-z]+$',
                    message: 'must be the name of a unit with its type, as multi-user.target',
                  },
                ],
              },
            },
            mask: { type: 'boolean', default: false },
            contents: { type: 'string', maxLength: 65536 },
            dropIns: {
              type: 'array',
              maxItems: 50,
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              items: {
                type: 'object',
                required: ['name', 'contents'],
                properties: {
                  name: {
                    type: 'string',
                    minLength: 6,
                    maxLength: 128,
                    matches: [
                      {
                        pattern: '^[A-Za-z0-9:_.@\\\\-]+\\.conf$',
                        message: 'must be the name of a file that ends in .conf, as 10-memory.conf',
                      },
                    ],
                  },
                  contents: { type: 'string', maxLength: 65536 },
                },
              },
            },
          },
        },
      },
      addons: {
        type: 'object',
        properties: {
          support: { type: 'boolean' },
          required: { type: 'boolean' },
          profile: {
            type: 'array',
            maxItems: 64,
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['name'],
            items: {
              type: 'object',
              required: ['name', 'addon'],
              properties: {
                name: {
                  type: 'string',
                  minLength: 1,
                  maxLength: 63,
                  matches: [
                    {
                      pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$',
                      message: 'must be lower case letters, digits and dashes, as containerd',
                    },
                  ],
                },
                addon: {
                  type: 'string',
                  maxLength: 63,
                  matches: [
                    {
                      pattern: '^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$',
                      message: "must be the name of a SystemAddon, or '' to run nothing of this name",
                    },
                  ],
                },
              },
            },
          },
        },
      },
      kernelArguments: {
        type: 'array',
        maxItems: 200,
        'x-kubernetes-list-type': 'set',
        items: {
          type: 'string',
          minLength: 1,
          maxLength: 1024,
          matches: [
            {
              pattern: '^[!-~]+$',
              message: 'must be one argument without spaces, as console=ttyS0; give each an entry of its own',
            },
          ],
        },
      },
      users: {
        type: 'array',
        maxItems: 200,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: {
          type: 'object',
          required: ['name'],
          properties: {
            name: {
              type: 'string',
              minLength: 1,
              maxLength: 31,
              matches: [
                {
                  pattern: '^[a-z_][a-z0-9_-]*$',
                  message: 'must hold only lower-case letters, digits, "-" and "_", and begin with a letter or "_", as core',
                },
              ],
            },
            uid: { type: 'integer', format: 'int32', minimum: 1, maximum: 65533 },
            description: {
              type: 'string',
              maxLength: 256,
              matches: [{ pattern: '^[^:"\\n]*$', message: 'must be one line without ":" and quotation marks, as Build agent' }],
            },
            home: {
              type: 'string',
              maxLength: 1024,
              matches: [
                {
                  pattern: '^/[^\\s":]*$',
                  message: 'must be an absolute path without spaces, ":" and quotation marks, as /var/home/core',
                },
              ],
            },
            shell: {
              type: 'string',
              maxLength: 1024,
              matches: [
                {
                  pattern: '^/[^\\s":]*$',
                  message: 'must be an absolute path without spaces, ":" and quotation marks, as /bin/bash',
                },
              ],
            },
            groups: {
              type: 'array',
              maxItems: 50,
              'x-kubernetes-list-type': 'set',
              items: {
                type: 'string',
                minLength: 1,
                maxLength: 31,
                matches: [
                  {
                    pattern: '^[a-z_][a-z0-9_-]*$',
                    message: 'must hold only lower-case letters, digits, "-" and "_", and begin with a letter or "_", as core',
                  },
                ],
              },
            },
            sshAuthorizedKeys: {
              type: 'array',
              maxItems: 50,
              'x-kubernetes-list-type': 'set',
              items: { type: 'string', minLength: 1, maxLength: 8192, pattern: '^[ -~]+$' },
            },
          },
        },
      },
      platforms: {
        type: 'array',
        minItems: 1,
        maxItems: 16,
        'x-kubernetes-list-type': 'set',
        items: {
          type: 'string',
          maxLength: 64,
          matches: [{ pattern: '^linux/[a-z0-9]+(/v[0-9]+)?$', message: 'must be a platform, as linux/amd64 or linux/arm/v7' }],
        },
      },
      workloads: {
        type: 'array',
        maxItems: 50,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: {
          type: 'object',
          required: ['name', 'containers'],
          properties: {
            name: {
              type: 'string',
              minLength: 1,
              maxLength: 63,
              matches: [
                {
                  pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$',
                  message:
                    'must hold only lower-case letters, digits and "-", and begin and end with a letter or digit, as web-1',
                },
              ],
            },
            network: { type: 'string', enum: ['Pod', 'Host'], default: 'Pod' },
            volumes: {
              type: 'array',
              maxItems: 50,
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              items: {
                type: 'object',
                required: ['name'],
                properties: {
                  name: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 63,
                    matches: [
                      {
                        pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$',
                        message:
                          'must hold only lower-case letters, digits and "-", and begin and end with a letter or digit, as web-1',
                      },
                    ],
                  },
                  hostPath: {
                    type: 'string',
                    maxLength: 1024,
                    matches: [
                      {
                        pattern: '^/[^\\s:,%]+$',
                        message: 'must be an absolute path without spaces, ":", "," and "%", as /var/lib/office',
                      },
                    ],
                  },
                },
              },
            },
            containers: {
              type: 'array',
              minItems: 1,
              maxItems: 20,
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              items: {
                type: 'object',
                required: ['name', 'image'],
                properties: {
                  name: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 63,
                    matches: [
                      {
                        pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$',
                        message:
                          'must hold only lower-case letters, digits and "-", and begin and end with a letter or digit, as web-1',
                      },
                    ],
                  },
                  image: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 512,
                    matches: [
                      {
                        pattern:
                          '^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$',
                        message:
                          'must be an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>',
                      },
                      {
                        pattern: '(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$',
                        message:
                          'needs a tag or a digest, which say what of the repository is meant, as registry.example.com/team/base:1',
                      },
                    ],
                  },
                  command: {
                    type: 'array',
                    maxItems: 100,
                    'x-kubernetes-list-type': 'atomic',
                    items: { type: 'string', maxLength: 8192 },
                  },
                  args: {
                    type: 'array',
                    maxItems: 100,
                    'x-kubernetes-list-type': 'atomic',
                    items: { type: 'string', maxLength: 8192 },
                  },
                  env: {
                    type: 'array',
                    maxItems: 200,
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['name'],
                    items: {
                      type: 'object',
                      required: ['name', 'value'],
                      properties: {
                        name: { type: 'string', minLength: 1, maxLength: 256, pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
                        value: { type: 'string', maxLength: 32768 },
                      },
                    },
                  },
                  ports: {
                    type: 'array',
                    maxItems: 50,
                    'x-kubernetes-list-type': 'atomic',
                    items: {
                      type: 'object',
                      required: ['containerPort', 'hostPort'],
                      properties: {
                        containerPort: { type: 'integer', format: 'int32', minimum: 1, maximum: 65535 },
                        hostPort: { type: 'integer', format: 'int32', minimum: 1, maximum: 65535 },
                        hostIP: {
                          type: 'string',
                          maxLength: 45,
                          matches: [{ pattern: '^[0-9a-fA-F.:]+$', message: 'must be an IP address, as 127.0.0.1 or ::1' }],
                        },
                        protocol: { type: 'string', enum: ['TCP', 'UDP', 'SCTP'], default: 'TCP' },
                      },
                    },
                  },
                  volumeMounts: {
                    type: 'array',
                    maxItems: 50,
                    'x-kubernetes-list-type': 'atomic',
                    items: {
                      type: 'object',
                      required: ['name', 'mountPath'],
                      properties: {
                        name: { type: 'string', minLength: 1, maxLength: 63 },
                        mountPath: { type: 'string', maxLength: 1024, pattern: '^/[^\\s:,%]*$' },
                        readOnly: { type: 'boolean', default: false },
                      },
                    },
                  },
                  secretRefs: {
                    type: 'array',
                    maxItems: 50,
                    'x-kubernetes-list-type': 'atomic',
                    items: {
                      type: 'object',
                      required: ['hostPath'],
                      properties: {
                        hostPath: { type: 'string', maxLength: 1024, pattern: '^/[^\\s:,%]+$' },
                        mountPath: { type: 'string', maxLength: 1024, pattern: '^/[^\\s:,%]+$' },
                        env: { type: 'boolean' },
                      },
                    },
                  },
                  user: {
                    type: 'string',
                    maxLength: 64,
                    matches: [
                      {
                        pattern: '^[a-z0-9_][a-z0-9_.:-]*$',
                        message: 'must be a user, by name or id, with a group where wanted, as app or 1000:1000',
                      },
                    ],
                  },
                  readOnlyRootFilesystem: { type: 'boolean', default: false },
                  dependsOn: {
                    type: 'array',
                    maxItems: 20,
                    'x-kubernetes-list-type': 'set',
                    items: { type: 'string', minLength: 1, maxLength: 63 },
                  },
                  restart: { type: 'string', enum: ['Always', 'OnFailure', 'Never'], default: 'Always' },
                  healthCheck: {
                    type: 'object',
                    required: ['command'],
                    properties: {
                      command: {
                        type: 'array',
                        minItems: 1,
                        maxItems: 100,
                        'x-kubernetes-list-type': 'atomic',
                        items: { type: 'string', maxLength: 8192 },
                      },
                      interval: {
                        type: 'string',
                        default: '30s',
                        maxLength: 32,
                        matches: [{ pattern: '^([0-9]+(ms|s|m|h))+$', message: 'must be a duration, as 90s or 1h30m' }],
                      },
                      timeout: {
                        type: 'string',
                        default: '30s',
                        maxLength: 32,
                        matches: [{ pattern: '^([0-9]+(ms|s|m|h))+$', message: 'must be a duration, as 90s or 1h30m' }],
                      },
                      startPeriod: {
                        type: 'string',
                        default: '0s',
                        maxLength: 32,
                        matches: [{ pattern: '^([0-9]+(ms|s|m|h))+$', message: 'must be a duration, as 90s or 1h30m' }],
                      },
                      retries: { type: 'integer', format: 'int32', minimum: 1, maximum: 100, default: 3 },
                      onFailure: { type: 'string', enum: ['None', 'Restart', 'Stop'], default: 'None' },
                    },
                  },
                },
              },
            },
          },
        },
      },
      labels: { type: 'object', maxProperties: 50, additionalProperties: { type: 'string', maxLength: 4096 } },
      output: {
        type: 'object',
        required: ['repository'],
        properties: {
          repository: { type: 'string', minLength: 1, maxLength: 512 },
          pushSecretRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
        },
      },
      signing: {
        type: 'object',
        required: ['keySecretRef'],
        properties: {
          keySecretRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
          previousKeySecretRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
          provenance: { type: 'boolean', default: true },
          sbom: { type: 'string', enum: ['SPDX', 'CycloneDX', 'None'], default: 'SPDX' },
        },
      },
      history: {
        type: 'object',
        default: {},
        properties: {
          successful: { type: 'integer', format: 'int32', minimum: 1, maximum: 100, default: 5 },
          failed: { type: 'integer', format: 'int32', minimum: 0, maximum: 100, default: 2 },
          prune: { type: 'string', enum: ['None', 'Images'], default: 'None' },
          gracePeriod: {
            type: 'string',
            default: '24h',
            maxLength: 32,
            matches: [{ pattern: '^([0-9]+(ms|s|m|h))+$', message: 'must be a duration, as 90s or 1h30m' }],
          },
        },
      },
      build: {
        type: 'object',
        default: {},
        properties: {
          suspend: { type: 'boolean', default: false },
          args: { type: 'object', maxProperties: 64, additionalProperties: { type: 'string', maxLength: 4096 } },
          builder: { type: 'string', enum: ['Job', 'Process'] },
          timeout: {
            type: 'string',
            default: '30m',
            maxLength: 32,
            matches: [{ pattern: '^([0-9]+(ms|s|m|h))+$', message: 'must be a duration, as 90s or 1h30m' }],
          },
          resources: {
            type: 'object',
            properties: {
              requests: { type: 'object', maxProperties: 16, additionalProperties: { type: 'string', maxLength: 64 } },
              limits: { type: 'object', maxProperties: 16, additionalProperties: { type: 'string', maxLength: 64 } },
            },
          },
          nodeSelector: { type: 'object', maxProperties: 32, additionalProperties: { type: 'string', maxLength: 63 } },
          tolerations: {
            type: 'array',
            maxItems: 32,
            'x-kubernetes-list-type': 'atomic',
            items: {
              type: 'object',
              properties: {
                key: { type: 'string', maxLength: 316 },
                operator: { type: 'string', enum: ['Exists', 'Equal'] },
                value: { type: 'string', maxLength: 63 },
                effect: { type: 'string', enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] },
                tolerationSeconds: { type: 'integer', format: 'int64' },
              },
            },
          },
          priorityClassName: { type: 'string', minLength: 1, maxLength: 253 },
          secrets: {
            type: 'array',
            maxItems: 32,
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['id'],
            items: {
              type: 'object',
              required: ['id', 'secretRef'],
              properties: {
                id: {
                  type: 'string',
                  minLength: 1,
                  maxLength: 128,
                  matches: [
                    {
                      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
                      message: 'must hold only letters, digits, ".", "_" and "-", and begin with a letter or digit, as api-token',
                    },
                  ],
                },
                secretRef: {
                  type: 'object',
                  required: ['name', 'key'],
                  properties: {
                    name: { type: 'string', minLength: 1, maxLength: 253 },
                    key: {
                      type: 'string',
                      minLength: 1,
                      maxLength: 253,
                      matches: [
                        { pattern: '^[-._a-zA-Z0-9]+$', message: 'must hold only letters, digits, ".", "_" and "-", as ca.crt' },
                      ],
                    },
                  },
                },
              },
            },
          },
          proxy: {
            type: 'object',
            properties: {
              http: {
                type: 'string',
                maxLength: 1024,
                matches: [
                  {
                    pattern: '^https?://[^@\\s]+$',
                    message:
                      'must be a URL that begins with http:// or https://, without spaces and without credentials, as http://proxy.example.com:3128',
                  },
                ],
              },
              https: {
                type: 'string',
                maxLength: 1024,
                matches: [
                  {
                    pattern: '^https?://[^@\\s]+$',
                    message:
                      'must be a URL that begins with http:// or https://, without spaces and without credentials, as http://proxy.example.com:3128',
                  },
                ],
              },
              noProxy: { type: 'string', maxLength: 4096 },
            },
          },
          caBundleRef: {
            type: 'object',
            required: ['name'],
            properties: {
              name: { type: 'string', minLength: 1, maxLength: 253 },
              key: {
                type: 'string',
                default: 'ca.crt',
                minLength: 1,
                maxLength: 253,
                matches: [
                  { pattern: '^[-._a-zA-Z0-9]+$', message: 'must hold only letters, digits, ".", "_" and "-", as ca.crt' },
                ],
              },
            },
          },
          lint: { type: 'string', enum: ['Error', 'Warn', 'Off'], default: 'Warn' },
        },
      },
    },
  },
  SystemPool: {
    type: 'object',
    required: ['nodeSelector', 'system'],
    properties: {
      nodeSelector: {
        type: 'object',
        properties: {
          matchLabels: { type: 'object', maxProperties: 20, additionalProperties: { type: 'string', maxLength: 63 } },
          matchExpressions: {
            type: 'array',
            maxItems: 20,
            'x-kubernetes-list-type': 'atomic',
            items: {
              type: 'object',
              required: ['key', 'operator'],
              properties: {
                key: { type: 'string', minLength: 1, maxLength: 317 },
                operator: { type: 'string', enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] },
                values: {
                  type: 'array',
                  maxItems: 100,
                  'x-kubernetes-list-type': 'atomic',
                  items: { type: 'string', maxLength: 63 },
                },
              },
            },
          },
        },
      },
      system: {
        type: 'object',
        properties: {
          definitionRef: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
          },
          image: {
            type: 'string',
            minLength: 1,
            maxLength: 1024,
            matches: [
              {
                pattern:
                  '^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$',
                message:
                  'must be an image with its registry host, as registry.example.com/team/base:1 or registry.example.com/team/base@sha256:<64 hex digits>',
              },
              {
                pattern: '(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[0-9a-f]{64})$',
                message:
                  'needs a tag or a digest, which say what of the repository is meant, as registry.example.com/team/base:1',
              },
            ],
          },
        },
      },
      pullSecretRef: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string', minLength: 1, maxLength: 253 } },
      },
      addons: {
        type: 'array',
        maxItems: 64,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: {
          type: 'object',
          required: ['name', 'addon'],
          properties: {
            name: {
              type: 'string',
              minLength: 1,
              maxLength: 63,
              matches: [
                {
                  pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$',
                  message: 'must be lower case letters, digits and dashes, as containerd',
                },
              ],
            },
            addon: {
              type: 'string',
              maxLength: 63,
              matches: [
                {
                  pattern: '^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$',
                  message: "must be the name of a SystemAddon, or '' to run nothing of this name",
                },
              ],
            },
          },
        },
      },
      suspend: { type: 'boolean', default: false },
      rollout: {
        type: 'object',
        default: {},
        properties: {
          maxUnavailable: { 'x-kubernetes-int-or-string': true, default: 1 },
          maxStaging: { type: 'integer', format: 'int32', default: 10, minimum: 1, maximum: 10000 },
          canary: { type: 'integer', format: 'int32', default: 1, minimum: 0, maximum: 1000 },
          failureThreshold: { type: 'integer', format: 'int32', default: 1, minimum: 1, maximum: 10000 },
          timeouts: {
            type: 'object',
            default: {},
            properties: {
              stage: {
                type: 'string',
                default: '30m',
                maxLength: 32,
                matches: [{ pattern: '^([0-9]+(ms|s|m|h))+$', message: 'must be a duration, as 90s or 1h30m' }],
              },
              drain: {
                type: 'string',
                default: '30m',
                maxLength: 32,
                matches: [{ pattern: '^([0-9]+(ms|s|m|h))+$', message: 'must be a duration, as 90s or 1h30m' }],
              },
              reboot: {
                type: 'string',
                default: '15m',
                maxLength: 32,
                matches: [{ pattern: '^([0-9]+(ms|s|m|h))+$', message: 'must be a duration, as 90s or 1h30m' }],
              },
            },
          },
        },
      },
      drain: {
        type: 'object',
        default: {},
        properties: {
          enabled: { type: 'boolean', default: true },
          force: { type: 'boolean', default: false },
          deleteEmptyDirData: { type: 'boolean', default: true },
          gracePeriodSeconds: { type: 'integer', format: 'int32', minimum: 0, maximum: 86400 },
        },
      },
    },
  },
};
