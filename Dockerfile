# syntax=docker/dockerfile:1.7
#
# Two stages: the SDK builds, the ASP.NET runtime runs. The images may be pinned to a digest without touching this file:
#   docker build --build-arg RUNTIME_IMAGE=mcr.microsoft.com/dotnet/aspnet:10.0.12-noble@sha256:... -t mailcluster:0.1.0 .
ARG SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0.401-noble
ARG RUNTIME_IMAGE=mcr.microsoft.com/dotnet/aspnet:10.0.12-noble

FROM ${SDK_IMAGE} AS build
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
WORKDIR /source
# Packages first: this layer is built anew only when a project file changes.
COPY global.json .editorconfig Directory.Build.props Directory.Packages.props ./
COPY src/Shared/MailCluster.Shared.csproj src/Shared/
COPY src/Actors/MailCluster.Actors.csproj src/Actors/
COPY src/Storage/MailCluster.Storage.csproj src/Storage/
COPY src/LoadTest/MailCluster.LoadTest.csproj src/LoadTest/
COPY src/Frontend/MailCluster.Frontend.csproj src/Frontend/
RUN dotnet restore src/Frontend/MailCluster.Frontend.csproj
COPY src/ src/
RUN dotnet publish src/Frontend/MailCluster.Frontend.csproj --configuration Release --no-restore \
    --no-self-contained --output /app

FROM ${RUNTIME_IMAGE} AS runtime
# SQLite for a lone node, GSSAPI with its NTLM mechanism for the logins of that name; none of them is in the base image.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libsqlite3-0 libgssapi-krb5-2 gss-ntlmssp \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 mailcluster \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/mailcluster --shell /usr/sbin/nologin mailcluster \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/mailcluster \
    && install --directory --mode=0755 /etc/mailcluster \
    && ln -s /app/mailcluster /usr/local/bin/mailcluster
COPY --from=build /app/ /app/
COPY --chmod=0755 deploy/docker/healthcheck /usr/local/bin/healthcheck

# Nothing attaches a debugger or profiler in production; dumps and counters by the diagnostic port in /tmp stay.
# The base image's ASPNETCORE_HTTP_PORTS would name a port that the configuration names already.
ENV DOTNET_EnableDiagnostics_Debugger=0 \
    DOTNET_EnableDiagnostics_Profiler=0 \
    ASPNETCORE_HTTP_PORTS= \
    MailCluster__Node__DataDirectory=/var/lib/mailcluster \
    MailCluster__Http__Endpoint=0.0.0.0:8080 \
    MailCluster__Log__Format=Json

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="MailCluster" \
      org.opencontainers.image.description="Mail front-end cluster: SMTP in, POP3 out" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# The root file system may be read-only: what is written goes to these two.
VOLUME ["/var/lib/mailcluster", "/tmp"]
WORKDIR /var/lib/mailcluster
USER 10001:10001
# SMTP, submission, submissions, POP3, POP3S, HTTP, links between nodes: all above 1024, no capability is needed.
EXPOSE 2525 2587 2465 2110 2995 8080 7000
# SIGTERM drains; whoever stops the container has to wait for Node.DrainTimeout.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/healthcheck", "/health/ready"]
ENTRYPOINT ["/app/mailcluster"]
CMD ["serve", "--config", "/etc/mailcluster/mailcluster.json"]
