using MailCluster.Shared.Accounts;
using Xunit;

namespace MailCluster.Shared.Tests.Accounts;

public sealed class ScramSha256Tests
{
    /// <summary>From the exchange of RFC 7677 §3: its proof and signature are the test of every key.</summary>
    [Fact]
    public void Vectors_of_RFC_7677_section_3_hold()
    {
        var salt = Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ==");
        var message =
            "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"u8
            + "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"u8;
        var keys = ScramSha256.Derive("pencil", salt, 4096);

        var proof = ScramSha256.ClientProof("pencil", salt, 4096, message);

        Assert.Equal("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", Convert.ToBase64String(proof));
        Assert.Equal(
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            Convert.ToBase64String(ScramSha256.ServerSignature(keys, message)));
        Assert.True(ScramSha256.VerifyProof(keys, message, proof));
    }

    [Fact]
    public void Proof_with_any_octet_changed_or_missing_is_refused()
    {
        var keys = ScramSha256.Derive("pencil", "salt"u8, 1);
        var proof = ScramSha256.ClientProof("pencil", "salt"u8, 1, "message"u8);
        Assert.True(ScramSha256.VerifyProof(keys, "message"u8, proof));

        for (var i = 0; i < proof.Length; i++)
        {
            byte[] changed = [.. proof];
            changed[i] ^= 1;
            Assert.False(ScramSha256.VerifyProof(keys, "message"u8, changed));
        }

        Assert.False(ScramSha256.VerifyProof(keys, "message"u8, proof.AsSpan(1)));
        Assert.False(ScramSha256.VerifyProof(keys, "massage"u8, proof));
    }

    [Fact]
    public void Only_the_password_that_made_the_keys_matches()
    {
        var keys = ScramSha256.Derive("pencil", "salt"u8, 10);

        Assert.True(ScramSha256.Matches(keys, "pencil"));
        Assert.False(ScramSha256.Matches(keys, "pencil "));
        Assert.False(ScramSha256.Matches(keys, "Pencil"));
        Assert.Equal(10, keys.Iterations);
    }
}
