using System.Text.Json;
using Edifice.Attention;
using Edifice.Engine.Ops;

namespace Edifice.Cli.Tests;

public class CommandTests
{
    private static readonly string[] s_tiny = ["--option", "hidden_size=16", "--option", "embed_dim=16", "--batch", "4", "--steps", "6", "--eval-every", "3"];

    [Fact]
    public void Info_as_json_names_version_instruction_set_threads_and_devices()
    {
        var run = ProgramRun.Of("info", "--json");
        Assert.Equal(0, run.Code);
        var root = JsonDocument.Parse(run.Output).RootElement;
        Assert.False(string.IsNullOrEmpty(root.GetProperty("version").GetString()));
        Assert.False(string.IsNullOrEmpty(root.GetProperty("instruction_set").GetString()));
        Assert.True(root.GetProperty("threads").GetInt32() >= 1);
        Assert.Equal("cpu", root.GetProperty("devices")[0].GetString());
    }

    [Fact]
    public void Blocks_lists_every_block_of_the_registry_with_every_option()
    {
        var run = ProgramRun.Of("blocks", "--json");
        var listed = JsonDocument.Parse(run.Output).RootElement.EnumerateArray().ToDictionary(
            b => b.GetProperty("name").GetString()!, b => b.GetProperty("options").GetArrayLength());
        Assert.Equal(Blocks.All.ToDictionary(b => b.Name, b => b.Options.Rows.Count), listed);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("train")]
    [InlineData("train", "--block", "gqa")]
    [InlineData("train", "--block", "gqa", "--task", "mqar", "--text", "x")]
    [InlineData("train", "--block", "gqa", "--task", "mqar", "--steps", "0")]
    [InlineData("train", "--block", "gqa", "--task", "mqar", "--lr", "NaN")]
    [InlineData("train", "--block", "gqa", "--task", "mqar", "--weight-decay", "-1")]
    [InlineData("train", "--block", "gqa", "--task", "mqar", "--average", "1")]
    [InlineData("train", "--block", "gqa", "--task", "mqar", "--short-conv", "-1")]
    [InlineData("train", "--block", "gqa", "--task", "mqar", "--precision", "f8")]
    [InlineData("train", "--block", "gqa", "--task", "match", "--short-conv", "3")]
    [InlineData("train", "--block", "gqa", "--text", "no-such-file")]
    [InlineData("train", "--block", "gqa", "--task", "mqar", "--option", "num_heads=3")]
    [InlineData("train", "--block", "gqa", "--task", "mqar", "--option", "rope_base=NaN")]
    [InlineData("train", "--resume", "no-such-folder")]
    [InlineData("generate", "--model", "no-such-folder")]
    [InlineData("verify")]
    [InlineData("gradcheck", "--op", "nonsense")]
    [InlineData("compare", "--task", "mqar", "--blocks", "nonsense")]
    public void Bad_usage_ends_with_code_2_and_one_line(params string[] args)
    {
        var run = ProgramRun.Of(args);
        Assert.Equal(2, run.Code);
        Assert.NotEqual("", run.Error.Trim());
        Assert.All(run.Error.TrimEnd().Split('\n'), line => Assert.StartsWith("edifice: ", line, StringComparison.Ordinal));
    }

    [Fact]
    public void A_length_that_is_none_is_named_itself_and_not_what_follows_from_it()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.In("text"), "a text");
        Assert.Contains("--length", ProgramRun.Of("train", "--block", "gqa", "--text", folder.In("text"), "--length", "0").Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gqa", "num_head=4", "num_heads")]
    [InlineData("gqq", "num_heads=4", "gqa")]
    public void A_misspelt_name_is_answered_with_the_nearest_one(string block, string option, string near) =>
        Assert.Contains($"did you mean '{near}'", ProgramRun.Of("train", "--block", block, "--task", "mqar", "--option", option).Error, StringComparison.Ordinal);

    [Fact]
    public void Training_writes_metrics_curve_configuration_and_weights_and_reports_accuracy()
    {
        using var folder = new TemporaryFolder();
        var run = ProgramRun.Of(["train", "--block", "gqa", "--task", "mqar", "--out", folder.Path, .. s_tiny]);
        Assert.True(run.Code == 0, run.Error);
        Assert.Contains("accuracy", run.Output, StringComparison.Ordinal);
        Assert.Equal(3, File.ReadAllLines(folder.In("metrics.csv")).Length);
        Assert.Equal("gqa", JsonDocument.Parse(File.ReadAllText(folder.In("config.json"))).RootElement.GetProperty("block").GetString());
        Assert.True(new FileInfo(folder.In("model.safetensors")).Length > 1000);
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(folder.In("loss.png"))[..4]);
    }

    [Fact]
    public void A_model_trained_on_text_generates_the_same_bytes_for_the_same_seed()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.In("text"), string.Concat(Enumerable.Repeat("all work and no play makes a dull engine. ", 60)));
        var trained = ProgramRun.Of(["train", "--block", "gqa", "--text", folder.In("text"), "--length", "32", "--out", folder.In("run"), .. s_tiny]);
        Assert.True(trained.Code == 0, trained.Error);
        Assert.Contains("bits per byte", trained.Output, StringComparison.Ordinal);
        // It sees no further back than it was trained to, so that it may go on for any length.
        var options = JsonDocument.Parse(File.ReadAllText(folder.In("run/config.json"))).RootElement.GetProperty("block_options");
        Assert.Equal(32, options.GetProperty("window_size").GetInt32());
        var generated = ProgramRun.Of("generate", "--model", folder.In("run"), "--prompt", "all", "--tokens", "20", "--seed", "3");
        Assert.True(generated.Code == 0, generated.Error);
        Assert.Contains("20 bytes", generated.Error, StringComparison.Ordinal);
    }

    public static TheoryData<string> AllBlocks => [.. Blocks.All.Select(b => b.Name)];

    [Theory]
    [MemberData(nameof(AllBlocks))]
    public void A_block_with_a_causal_form_trains_on_text_and_generates_and_any_other_names_what_it_can_do(string block)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.In("text"), string.Concat(Enumerable.Repeat("all work and no play makes a dull engine. ", 20)));
        var trained = ProgramRun.Of(["train", "--block", block, "--text", folder.In("text"), "--length", "16", "--out", folder.In("run"), "--batch", "2", "--steps", "2"]);
        if (Blocks.Find(block).Causality == Causality.Never)
        {
            Assert.Equal(2, trained.Code);
            Assert.Contains("--task majority or --task match", trained.Error, StringComparison.Ordinal);
            return;
        }

        Assert.True(trained.Code == 0, trained.Error);
        var generated = ProgramRun.Of("generate", "--model", folder.In("run"), "--prompt", "all", "--tokens", "5");
        Assert.True(generated.Code == 0, generated.Error);
        Assert.Contains("5 bytes", generated.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mqar", "perceiver")]
    [InlineData("copy", "perceiver")]
    [InlineData("match", null)]
    public void Every_block_that_can_do_a_task_takes_part_in_its_comparison(string task, string? refuses)
    {
        var run = ProgramRun.Of("compare", "--task", task, "--json", "--batch", "2", "--steps", "1");
        Assert.True(run.Code == 0, run.Error);
        var rows = JsonDocument.Parse(run.Output).RootElement.EnumerateArray().ToList();
        Assert.Equal(Blocks.All.Select(b => b.Name), rows.Select(r => r.GetProperty("block").GetString()!));
        Assert.Equal(refuses is null ? [] : [refuses], rows.Where(r => r.TryGetProperty("refused", out _)).Select(r => r.GetProperty("block").GetString()!));
    }

    [Fact]
    public void Compare_sets_blocks_side_by_side_with_parameters_step_time_and_memory()
    {
        using var folder = new TemporaryFolder();
        var run = ProgramRun.Of(["compare", "--task", "mqar", "--blocks", "gqa,multihead", "--out", folder.Path, .. s_tiny]);
        Assert.True(run.Code == 0, run.Error);
        var lines = File.ReadAllLines(folder.In("compare-mqar.csv"));
        Assert.Equal("block,accuracy,loss,parameters,step_ms,peak_bytes", lines[0]);
        Assert.StartsWith("gqa,", lines[1], StringComparison.Ordinal);
        Assert.StartsWith("multihead,", lines[2], StringComparison.Ordinal);
        Assert.All(lines[1..], line => Assert.True(long.Parse(line.Split(',')[^1], System.Globalization.CultureInfo.InvariantCulture) > 0, line));
        Assert.True(File.Exists(folder.In("compare-mqar.png")));
    }

    [Fact]
    public void Verify_says_ok_for_a_right_file_and_fails_with_code_1_for_a_wrong_one()
    {
        using var folder = new TemporaryFolder();
        var golden = RepositoryFiles.Golden("op-exp-values");
        var good = ProgramRun.Of("verify", golden);
        Assert.Equal((0, $"{golden}: ok"), (good.Code, good.Output.TrimEnd()));

        // The same file under the name of another op.
        var bytes = File.ReadAllBytes(golden);
        var at = System.Text.Encoding.ASCII.GetString(bytes).IndexOf("\"op\": \"exp\"", StringComparison.Ordinal);
        "\"op\": \"sin\""u8.CopyTo(bytes.AsSpan(at));
        File.WriteAllBytes(folder.In("wrong.safetensors"), bytes);
        var wrong = ProgramRun.Of("verify", folder.In("wrong.safetensors"));
        Assert.Equal(1, wrong.Code);
        Assert.StartsWith($"{folder.In("wrong.safetensors")}: FAIL ", wrong.Output, StringComparison.Ordinal);
        Assert.Equal(1, ProgramRun.Of("verify", folder.In("missing.safetensors")).Code);
    }

    [Fact]
    public void Gradcheck_of_one_op_reports_its_worst_error()
    {
        var run = ProgramRun.Of("gradcheck", "--op", "tanh", "--json");
        Assert.True(run.Code == 0, run.Output + run.Error);
        var row = JsonDocument.Parse(run.Output).RootElement[0];
        Assert.True(row.GetProperty("ok").GetBoolean());
        Assert.True(row.GetProperty("worst_error").GetDouble() <= row.GetProperty("tolerance").GetDouble());
        Assert.NotNull(OpTable.Find("tanh"));
    }
}
