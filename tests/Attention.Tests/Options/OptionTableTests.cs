using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Attention.Tests.Options;

public class OptionTableTests
{
    public static TheoryData<string> Names => new(Blocks.All.Select(b => b.Name));

    [Theory]
    [MemberData(nameof(Names))]
    public void Defaults_written_and_read_again_are_the_same_options(string name)
    {
        var options = Blocks.Find(name).Options.Read(OptionBag.Parse("""{"embed_dim": 256}"""));
        // A preset's options are those of the block behind it.
        var again = Blocks.Find(options.Block).Options.Read(options.ToOptions());
        Assert.Equal(options, again);
        Assert.Equal(options.ToOptions().ToString(), again.ToOptions().ToString());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_row_shows_the_default_that_reading_gives(string name)
    {
        var table = Blocks.Find(name).Options;
        var written = table.Read(OptionBag.Parse("""{"embed_dim": 256}""")).ToOptions();
        Assert.Equal(table.Rows.Select(r => r.Name).Distinct(), table.Rows.Select(r => r.Name));
        foreach (var row in table.Rows)
        {
            Assert.NotEmpty(row.Description);
            if (row.Name == "embed_dim") Assert.Null(row.Default);
            else Assert.Equal(row.Default, written.Raw(row.Name)!.Value.GetRawText());
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_default_can_be_set_from_text(string name)
    {
        var table = Blocks.Find(name).Options;
        var bag = table.With(OptionBag.Empty, "embed_dim", "256");
        foreach (var row in table.Rows)
            if (row.Default is { } text) bag = table.With(bag, row.Name, text.Trim('"'));
        Assert.Equal(table.Read(OptionBag.Parse("""{"embed_dim": 256}""")), table.Read(bag));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void An_unknown_name_is_refused_with_the_nearest_one(string name)
    {
        var e = Assert.Throws<OptionException>(() => Blocks.Build(name, """{"embed_dim": 4, "num_layer": 2}"""));
        Assert.Contains("there is no option 'num_layer' (did you mean 'num_layers'?)", e.Message);
        Assert.Equal(name, e.Block);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Advice_names_only_options_that_the_block_has(string name)
    {
        var rows = Blocks.Find(name).Options.Rows.Select(r => r.Name).ToHashSet();
        // A number of heads, or a head width, that does not divide the hidden size.
        var heads = rows.Intersect(["num_heads", "head_size", "state_expansion"]).SingleOrDefault();
        if (heads is null) return; // No heads.
        var e = Assert.Throws<OptionException>(() => Blocks.Build(name, $$"""{"embed_dim": 4, "hidden_size": 8, "{{heads}}": 3}"""));
        Assert.Contains($"{heads} 3", e.Message);
        var others = Blocks.All.SelectMany(b => b.Options.Rows).Select(r => r.Name).Where(n => n.Contains('_')).Except(rows);
        Assert.All(others, n => Assert.DoesNotContain(n, e.Message));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_input_width_must_be_given(string name) =>
        Assert.Contains("embed_dim is missing", Assert.Throws<OptionException>(() => Blocks.Build(name, "{}")).Message);

    [Fact]
    public void Everything_wrong_is_said_at_once()
    {
        var e = Assert.Throws<OptionException>(() => new MultiHeadOptions { EmbedDim = 0, NumHeads = 3, Dropout = 1, WindowSize = 2, Causal = false }.Validate());
        Assert.Equal(4, e.Problems.Count);
        Assert.All(e.Problems, p => Assert.Contains(p, e.Message));
    }

    [Theory]
    [InlineData("num_heads", "8", "8")]
    [InlineData("num_heads", " 8 ", "8")]
    [InlineData("head_dim", "null", "null")]
    [InlineData("position", "rope", "\"rope\"")]
    [InlineData("causal", "false", "false")]
    [InlineData("ffn_mult", "2.5", "2.5")]
    [InlineData("ffn_mult", "1e-3", "0.001")]
    public void Text_becomes_a_value_of_the_options_kind(string name, string text, string json) =>
        Assert.Equal(json, MultiHeadOptions.Rows.With(OptionBag.Empty, name, text).Raw(name)!.Value.GetRawText());

    [Theory]
    [InlineData("num_heads", "8.5", "num_heads must be a whole number, got '8.5'")]
    [InlineData("num_heads", "null", "num_heads must be a whole number, got 'null'")]
    [InlineData("head_dim", "wide", "head_dim must be a whole number or null, got 'wide'")]
    [InlineData("causal", "yes", "causal must be true or false, got 'yes'")]
    [InlineData("ffn_mult", "NaN", "ffn_mult must be a number, got 'NaN'")]
    [InlineData("position", "alibis", "position must be none, rope or alibi, got 'alibis' (did you mean 'alibi'?)")]
    [InlineData("positions", "rope", "there is no option 'positions' (did you mean 'position'?)")]
    public void Text_that_is_no_value_is_refused(string name, string text, string reason) =>
        Assert.Contains(reason, Assert.Throws<OptionException>(() => MultiHeadOptions.Rows.With(OptionBag.Empty, name, text)).Message);

    [Fact]
    public void Null_is_refused_where_it_stands_for_nothing()
    {
        Assert.Null(((MultiHeadOptions)MultiHeadOptions.Rows.Read(OptionBag.Parse("""{"embed_dim": 4, "head_dim": null}"""))).HeadDim);
        Assert.Contains("num_heads cannot be null", Assert.Throws<OptionException>(
            () => MultiHeadOptions.Rows.Read(OptionBag.Parse("""{"embed_dim": 4, "num_heads": null}"""))).Message);
    }

    [Fact]
    public void A_value_of_another_kind_is_refused() => Assert.Contains("'num_heads'", Assert.Throws<TensorException>(
        () => MultiHeadOptions.Rows.Read(OptionBag.Parse("""{"embed_dim": 4, "num_heads": "four"}"""))).Message);

    [Fact]
    public void A_preset_has_other_defaults_and_fixed_options()
    {
        var preset = GqaOptions.Rows.Preset("llama", o => o with { Rope = true, Bias = false, Norm = NormKind.Rms }, "rope", "bias");
        var options = (GqaOptions)preset.Read(OptionBag.Parse("""{"embed_dim": 4, "num_heads": 4}"""));
        Assert.Equal(new GqaOptions { EmbedDim = 4, NumHeads = 4, Rope = true, Bias = false, Norm = NormKind.Rms }, options);
        Assert.Equal("\"rms\"", preset.Find("norm").Default);
        Assert.Contains("llama: there is no option 'rope'", Assert.Throws<OptionException>(() => preset.Read(OptionBag.Parse("""{"rope": true}"""))).Message);
        Assert.Contains("rope", GqaOptions.Rows.Rows.Select(r => r.Name));
    }

    [Fact]
    public void An_unknown_block_is_refused_with_the_nearest_name()
    {
        Assert.Contains("(did you mean 'multihead'?)", Assert.Throws<TensorException>(() => Blocks.Find("multi_head")).Message);
        Assert.Equal(Blocks.All.Count, Blocks.All.Select(b => b.Name).Distinct().Count());
    }
}
