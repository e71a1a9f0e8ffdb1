using MailCluster.Frontend.Import;
using MailCluster.Shared.Mailboxes;
using Xunit;

namespace MailCluster.Frontend.Tests.Import;

public sealed class MaildirTests
{
    [Theory]
    [InlineData("1719400000.M1P2.host", "1719400000.M1P2.host", 1719400000, MessageAttributes.None, false)]
    [InlineData("17.x.h:2,", "17.x.h", 17, MessageAttributes.None, false)]
    [InlineData("17.x.h,S=5,W=6:2,FRS", "17.x.h,S=5,W=6", 17,
        MessageAttributes.Flagged | MessageAttributes.Answered | MessageAttributes.Seen, false)]
    [InlineData("17.x.h:2,DPT", "17.x.h", 17, MessageAttributes.Draft | MessageAttributes.Deleted, true)]
    [InlineData("17.x.h:2,Sa", "17.x.h", 17, MessageAttributes.Seen, true)]
    [InlineData("17.x.h:1,S", "17.x.h", 17, MessageAttributes.None, false)]
    [InlineData("message", "message", 0, MessageAttributes.None, false)]
    [InlineData("-5.x", "-5.x", 0, MessageAttributes.None, false)]
    public void A_name_is_its_unique_part_its_time_and_its_flags(
        string file, string unique, long seconds, MessageAttributes flags, bool losesFlags) =>
        Assert.Equal(new MaildirName(unique, seconds, flags, losesFlags), MaildirName.Parse(file));

    [Fact]
    public void Names_are_ordered_by_time_and_then_by_numbers_as_numbers()
    {
        string[] inOrder = ["x", "9.M1P1.h", "10.M9P1.h", "10.M10P1.h", "10.M10P1.h,S=1", "10.M10P2.a", "11.a", "11.b"];

        Assert.Equal(inOrder, inOrder.Reverse().Select(MaildirName.Parse).Order().Select(name => name.Unique));
    }

    [Fact]
    public void A_list_of_Dovecot_names_UIDs_ids_that_override_and_places()
    {
        var list = Read(
            "3 V1795258833 N9 G1e2d651cd179016b6341000083ecc375",
            "1 W17 S15 :17.M1P2.host",
            "2 Pold-id-2 :17.M2P2.host:2,S",
            "4 O1 Gabc :17.M3P2.host",
            "5 :17.M1P2.host");

        Assert.Equal((1795258833u, 3), (list.UidValidity, list.Count));
        Assert.Equal(new DovecotMessage(5, null, null), list.Find("17.M1P2.host"));
        Assert.Equal(new DovecotMessage(2, "old-id-2", null), list.Find("17.M2P2.host"));
        Assert.Equal(new DovecotMessage(4, null, 1), list.Find("17.M3P2.host"));
        Assert.Null(list.Find("17.M4P2.host"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("1 1719400000 5")]
    [InlineData("3 N5")]
    [InlineData("3 Vx N5")]
    [InlineData("3 V1 N5\nx :file")]
    [InlineData("3 V1 N5\n1 file")]
    public void A_list_that_cannot_be_read_is_refused(string text) =>
        Assert.Throws<SourceFault>(() => Read(text.Split('\n')));

    [Theory]
    [InlineData(UniqueIdFormat.Default, "0000001a6b0179d1")]
    [InlineData("%08Xv%08Xu", "6b0179d10000001a")]
    [InlineData("%v.%u", "1795258833.26")]
    [InlineData("%f", "17.M1.h")]
    [InlineData("UID%04u-%%%g", "UID0026-%17.M1.h")]
    [InlineData("%u", "26")]
    public void Dovecot_s_formats_are_written_as_Dovecot_does(string format, string id) =>
        Assert.Equal(id, UniqueIdFormat.Parse(format, out _)!.Write(26, 1795258833, "17.M1.h"));

    [Theory]
    [InlineData("%m", "digest")]
    [InlineData("%", "is not")]
    [InlineData("%08", "is not")]
    [InlineData("%Xf", "is not")]
    [InlineData("%099u", "is not")]
    [InlineData("%{uid}", "is not")]
    public void A_format_with_something_else_is_refused_with_the_reason(string format, string reason)
    {
        Assert.Null(UniqueIdFormat.Parse(format, out var fault));
        Assert.Contains(reason, fault, StringComparison.Ordinal);
    }

    [Fact]
    public void A_Maildir_is_listed_by_places_UIDs_and_times_and_leaves_out_tmp_and_dot_files()
    {
        var folder = Directory.CreateTempSubdirectory("mailcluster-maildir-");
        foreach (var name in (string[])["cur", "new", "tmp"])
        {
            folder.CreateSubdirectory(name);
        }

        string[] files = ["cur/9.c:2,S", "new/8.d", "cur/7.a:2,", "cur/6.b:2,P", "tmp/5.t", "new/.hidden", "new/10.e"];
        foreach (var file in files)
        {
            File.WriteAllText(Path.Combine(folder.FullName, file), "Subject: x\n\n");
        }

        File.WriteAllText(
            Path.Combine(folder.FullName, "dovecot-uidlist"), "3 V255 N7\n3 :9.c\n5 :7.a\n6 O2 Pkept :6.b\n");

        var plain = new MaildirSource(folder.FullName, null).Read().ToList();
        var dovecot = new MaildirSource(folder.FullName, UniqueIdFormat.Parse(UniqueIdFormat.Default, out _))
            .Read().ToList();
        folder.Delete(recursive: true);

        Assert.Equal(
            ["cur/6.b:2,P", "cur/7.a:2,", "new/8.d", "cur/9.c:2,S", "new/10.e"], plain.Select(entry => entry.Name));
        Assert.All(plain, entry => Assert.Null(entry.Origin.UniqueId));
        Assert.Equal([true, false, false, false, false], plain.Select(entry => entry.LosesFlags));
        Assert.Equal(["kept", "00000003000000ff", "00000005000000ff", null, null],
            dovecot.Select(entry => entry.Origin.UniqueId));
        Assert.Equal([false, false, false, true, true], dovecot.Select(entry => entry.LacksUniqueId));
        Assert.Equal(5, plain.Select(entry => entry.Key).Concat(dovecot.Select(entry => entry.Key)).Distinct().Count());
    }

    [Fact]
    public void A_folder_without_cur_and_new_is_no_Maildir() =>
        Assert.Throws<SourceFault>(() => new MaildirSource(Path.GetTempPath(), null));

    private static DovecotUidList Read(params string[] lines) =>
        DovecotUidList.Read(new StringReader(string.Join('\n', lines)));
}
