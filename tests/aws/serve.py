"""AWS on loopback: moto's server, and an ECR that sends people to a registry on loopback.

usage: serve.py PORT [REGISTRY]     PORT 0 takes a free one; the first line printed is the port.
"""

import sys

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


class Registry:
    """Says REGISTRY where ECR names its own registry: the one thing that moto does not run."""

    def __init__(self, application, registry):
        self.application = application
        self.real = b'https://123456789012.dkr.ecr.eu-central-1.amazonaws.com'
        self.ours = b'http://' + registry.encode()

    def __call__(self, environ, start_response):
        started = []
        body = b''.join(self.application(environ, lambda *answer: started.append(answer[:2])))
        body = body.replace(self.real, self.ours)
        status, headers = started[-1]
        headers = [(name, value) for name, value in headers if name.lower() != 'content-length']
        start_response(status, headers + [('Content-Length', str(len(body)))])
        return [body]


def main():
    application = DomainDispatcherApplication(create_backend_app)
    if len(sys.argv) > 2:
        application = Registry(application, sys.argv[2])
    server = make_server('127.0.0.1', int(sys.argv[1]), application, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()


main()
