# syntax=docker/dockerfile:1
# All three programs in one image without a shell:
#
#   docker build --build-arg VERSION=v1.2.3 -t wxrollout:v1.2.3 .
#   docker run --env-file worker.env wxrollout:v1.2.3                      # a worker
#   docker run --env-file worker.env --entrypoint /enqueue wxrollout:v1.2.3 get

FROM --platform=$BUILDPLATFORM golang:1.26.0-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION=dev
# timetzdata: release windows use time zones, and the final image has no zone files.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -tags timetzdata -ldflags "-s -w -X main.version=$VERSION" -o /out/ ./cmd/worker ./cmd/enqueue ./cmd/wxsim

FROM scratch
LABEL org.opencontainers.image.title=wxrollout \
      org.opencontainers.image.source=https://github.com/wxrollout/wxrollout
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/ /
# nonroot, as a number: the image has no passwd file.
USER 65532:65532
# /metrics, /healthz, /readyz and WeChat's callbacks under /wechat/. Let the orchestrator
# probe /readyz: the image has no shell for a HEALTHCHECK.
EXPOSE 9090
# The default is 127.0.0.1:9090, which nothing outside the container reaches.
ENV WXROLLOUT_LISTEN=:9090
ENTRYPOINT ["/worker"]
