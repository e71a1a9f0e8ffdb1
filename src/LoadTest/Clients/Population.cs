using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Clients;

/// <summary>The users of a run, by number from 0 on; user n is of tenant n modulo the tenants.</summary>
internal sealed class Population
{
    private readonly byte[][] _addresses;
    private readonly byte[][] _passwords;

    /// <param name="secret">From which passwords are made that the plan does not give.</param>
    public Population(UserPlan plan, string secret)
    {
        Plan = plan;
        Secret = secret;
        _addresses = new byte[plan.Count][];
        _passwords = new byte[plan.Count][];
        for (var user = 0; user < plan.Count; user++)
        {
            var number = (user / plan.Tenants) + 1;
            _addresses[user] = Encoding.ASCII.GetBytes($"{Fill(plan.Name, number)}@{DomainOf(user % plan.Tenants)}");
            _passwords[user] = Encoding.ASCII.GetBytes(plan.Password is { } given
                ? Fill(given, number)
                : Convert.ToHexStringLower(
                    HMACSHA256.HashData(Encoding.ASCII.GetBytes(secret), _addresses[user]).AsSpan(0, 12)));
        }
    }

    public UserPlan Plan { get; }

    public string Secret { get; }

    public int Count => _addresses.Length;

    public ReadOnlySpan<byte> Address(int user) => _addresses[user];

    public ReadOnlySpan<byte> Password(int user) => _passwords[user];

    public string AddressText(int user) => Encoding.ASCII.GetString(_addresses[user]);

    public string PasswordText(int user) => Encoding.ASCII.GetString(_passwords[user]);

    /// <param name="tenant">From 0 on.</param>
    public string DomainOf(int tenant) => Fill(Plan.Domain, tenant + 1);

    /// <param name="tenant">From 1 on; 0: of all.</param>
    public int Draw(Random random, int tenant) => tenant == 0
        ? random.Next(Count)
        : (random.Next((Count - tenant + Plan.Tenants) / Plan.Tenants) * Plan.Tenants) + tenant - 1;

    private static string Fill(string pattern, int number) =>
        string.Format(CultureInfo.InvariantCulture, pattern, number);
}
