using System.Collections.Immutable;

namespace MailCluster.Frontend.Options;

/// <summary>A configuration that may be served.</summary>
/// <param name="Advice">Allowed, but not what the standards or good sense ask for.</param>
/// <param name="NotInForce">Paths that somebody set and that do nothing yet.</param>
/// <param name="DefaultsNotInForce">Definitions that nobody set and whose default does nothing yet either.</param>
public sealed record LoadedConfiguration(
    MailClusterOptions Options,
    ImmutableArray<string> Advice,
    ImmutableArray<(string Path, string Waits)> NotInForce,
    ImmutableArray<string> DefaultsNotInForce);

/// <summary>File, then environment, then strict reading: what is not understood is not guessed.</summary>
public static class ConfigurationLoader
{
    private const string Root = "MailCluster";

    /// <param name="file">Null: defaults and environment.</param>
    /// <param name="dataDirectory">Wins over Node.DataDirectory.</param>
    /// <exception cref="ConfigurationFaultException">With every fault at once.</exception>
    public static LoadedConfiguration Load(string? file, string? dataDirectory = null)
    {
        var builder = new ConfigurationBuilder();
        if (file is not null)
        {
            var full = Path.GetFullPath(file);
            try
            {
                using var stream = File.OpenRead(full);
                builder.AddJsonStream(stream);
                return Load(builder.AddEnvironmentVariables().Build(), full, dataDirectory);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new ConfigurationFaultException([new(full, null, $"cannot be read: {exception.Message}")]);
            }
            catch (Exception exception) when (exception is FormatException or System.Text.Json.JsonException)
            {
                var reason = exception.InnerException?.Message ?? exception.Message;
                throw new ConfigurationFaultException(
                    [new(full, null, $"is not JSON (comments and trailing commas may stand): {reason}")]);
            }
        }

        return Load(builder.AddEnvironmentVariables().Build(), null, dataDirectory);
    }

    /// <summary>Every key with its definition, in the order of the file.</summary>
    public static ImmutableArray<OptionDefinition> Describe()
    {
        var reading = new OptionReading(describes: true);
        _ = MailClusterOptions.Read(new OptionReader(null, Root, "", reading), "localhost", null);
        return [.. reading.Definitions];
    }

    internal static LoadedConfiguration Load(IConfigurationRoot configuration, string? file, string? dataDirectory)
    {
        var reading = new OptionReading(describes: false);
        if (file is not null)
        {
            CheckRoot(configuration, reading);
        }

        var node = OptionNode.From(configuration.GetSection(Root), Root);
        var reader = new OptionReader(node, Root, "", reading);
        var options = MailClusterOptions.Read(reader, Environment.MachineName, dataDirectory);
        reader.End();
        CheckListeners(options, reading);
        CheckTls(options, reading);
        CheckCluster(options, reading);
        if (reading.Faults.Count > 0)
        {
            throw new ConfigurationFaultException(reading.Faults);
        }

        var given = reading.Given.Select(entry => entry.Definition).ToHashSet();
        return new(
            options, [.. reading.Advice], [.. Unbuilt(reading, options.Store.Kind)],
            [.. Frontend.Options.NotInForce.Keys.Select(entry => entry.Key).Where(key => !given.Contains(key))]);
    }

    /// <summary>The file may hold nothing beside the one section; the environment of course holds more.</summary>
    private static void CheckRoot(IConfigurationRoot configuration, OptionReading reading)
    {
        foreach (var key in configuration.Providers.First().GetChildKeys([], null)
            .Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (!key.Equals(Root, StringComparison.OrdinalIgnoreCase))
            {
                reading.Faults.Add(new(key, null, $"unknown key; known here: {Root}"));
            }
        }
    }

    private static void CheckListeners(MailClusterOptions options, OptionReading reading)
    {
        var addresses = new Dictionary<System.Net.IPEndPoint, string>();
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, name, endpoints) in options.Listeners)
        {
            if (!names.Add(name))
            {
                reading.Faults.Add(
                    new($"{Root}:{key[..^"Endpoint".Length]}Name", name, "a name that no other binding has"));
            }

            foreach (var endpoint in endpoints)
            {
                if (endpoint.Port != 0 && !addresses.TryAdd(endpoint, key))
                {
                    reading.Faults.Add(new($"{Root}:{key}", endpoint.ToString(),
                        $"an address and port that no other binding has; {Root}:{addresses[endpoint]} has it"));
                }
            }
        }
    }

    private static void CheckTls(MailClusterOptions options, OptionReading reading)
    {
        var needs = options.Smtp.Bindings.Any(binding => binding.Tls != BindingTls.None)
            || options.Pop3.Bindings.Any(binding => binding.Tls != BindingTls.None);
        if (needs && options.Tls.Certificates.IsEmpty && !options.Tls.SelfSignedFallback)
        {
            reading.Faults.Add(new($"{Root}:Tls:Certificates", null,
                "a certificate is needed by the bindings with TLS, or SelfSignedFallback true, or Tls None on all of them"));
        }
    }

    /// <summary>What only a cluster needs is asked for where there is one.</summary>
    private static void CheckCluster(MailClusterOptions options, OptionReading reading)
    {
        if (options.Store.Kind != StoreKind.PostgreSql)
        {
            return;
        }

        if (options.Store.ConnectionString.Length == 0)
        {
            reading.Faults.Add(new($"{Root}:Store:ConnectionString", null,
                "how to reach PostgreSQL: \"Host=db1,db2;Database=mailcluster;Username=mailcluster;Password=…\""));
        }

        if (options.AdvertisedAddress is not { } address)
        {
            reading.Faults.Add(new($"{Root}:Node:AdvertisedAddress", options.Node.AdvertisedAddress,
                "host:port where the other nodes reach this one; it may be left out when Cluster.Endpoint names an address"));
        }
        else if (!OptionText.TryHostAndPort(address, out _, out _))
        {
            reading.Faults.Add(
                new($"{Root}:Node:AdvertisedAddress", address, "host:port, IPv6 in brackets: \"mx1.example.test:7000\""));
        }

        foreach (var (key, file) in (ReadOnlySpan<(string, string?)>)[
            ("CertificateFile", options.Cluster.CertificateFile), ("KeyFile", options.Cluster.KeyFile),
            ("CaFile", options.Cluster.CaFile)])
        {
            if (options.Cluster.MutualTls && file is null)
            {
                reading.Faults.Add(new($"{Root}:Cluster:{key}", null, "a file, as MutualTls is true; there is no default"));
            }
        }
    }

    private static IEnumerable<(string Path, string Waits)> Unbuilt(OptionReading reading, StoreKind store)
    {
        var seen = new HashSet<string>();
        foreach (var (definition, path) in reading.Given)
        {
            // A section is named by its keys, a list by the list.
            if (NotInForce.Find(definition, store) is { } entry && seen.Add(path) && !Covers(path))
            {
                yield return (path, entry.Waits);
            }
        }

        bool Covers(string path)
        {
            for (var colon = path.LastIndexOf(':'); colon > 0; colon = path.LastIndexOf(':', colon - 1))
            {
                if (seen.Contains(path[..colon]))
                {
                    return true;
                }
            }

            return false;
        }
    }
}
