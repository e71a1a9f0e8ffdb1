using System.Runtime.Versioning;

// File modes, signals and the resolver of the system's SQLite are those of a Unix.
[assembly: SupportedOSPlatform("linux")]
[assembly: SupportedOSPlatform("macos")]
