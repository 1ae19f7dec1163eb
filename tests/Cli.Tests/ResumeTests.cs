using System.Diagnostics;

namespace Edifice.Cli.Tests;

public class ResumeTests
{
    private static readonly string[] s_run =
        ["--block", "gqa", "--task", "mqar", "--option", "hidden_size=16", "--option", "embed_dim=16", "--option", "dropout=0.1", "--batch", "4", "--eval-every", "5", "--threads", "1"];

    [Theory]
    [InlineData(1, "0")]
    [InlineData(2, "0.9")]
    [InlineData(3, "0.99")]
    public void A_run_killed_at_a_random_moment_and_resumed_ends_with_the_weights_of_an_unbroken_one(int seed, string average)
    {
        using var folder = new TemporaryFolder();
        string[] run = ["train", .. s_run, "--steps", "120", "--seed", $"{seed}", "--average", average];
        Assert.Equal(0, Start([.. run, "--out", folder.In("whole")]).Wait());

        var random = new Random(seed);
        var kills = 0;
        var broken = Start([.. run, "--out", folder.In("broken")]);
        for (var attempt = 0; attempt < 4; attempt++)
        {
            // After the configuration stands, so that there is a run to resume; from then on at any moment.
            while (!File.Exists(folder.In("broken/config.json")) && !broken.HasExited) Thread.Sleep(5);
            if (broken.WaitForExit(random.Next(50, 500))) break;
            broken.Kill();
            broken.WaitForExit();
            kills++;
            broken.Dispose();
            broken = Start(["train", "--resume", folder.In("broken")]);
        }

        Assert.Equal(0, broken.Wait());
        broken.Dispose();
        Assert.True(kills > 0, "the run was over before it could be killed");
        Assert.Equal(File.ReadAllBytes(folder.In("whole/model.safetensors")), File.ReadAllBytes(folder.In("broken/model.safetensors")));
    }

    [Fact]
    public void Resuming_a_finished_run_changes_nothing()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, ProgramRun.Of(["train", .. s_run, "--steps", "10", "--out", folder.Path]).Code);
        var before = File.ReadAllBytes(folder.In("model.safetensors"));
        Assert.Equal(0, ProgramRun.Of("train", "--resume", folder.Path).Code);
        Assert.Equal(before, File.ReadAllBytes(folder.In("model.safetensors")));
    }

    [Theory]
    [InlineData("bf16")]
    [InlineData("f16")]
    public void A_run_in_16_bits_that_was_cut_short_resumes_in_16_bits_with_its_loss_scale(string precision)
    {
        using var folder = new TemporaryFolder();
        string[] run = ["train", .. s_run, "--steps", "10", "--precision", precision];
        Assert.Equal(0, ProgramRun.Of([.. run, "--out", folder.In("whole")]).Code);
        Assert.Equal(0, ProgramRun.Of([.. run, "--out", folder.In("broken")]).Code);
        Assert.Equal(0, ProgramRun.Of(["train", .. s_run, "--steps", "10", "--out", folder.In("full")]).Code);
        var weights = File.ReadAllBytes(folder.In("whole/model.safetensors"));
        Assert.Equal(weights, File.ReadAllBytes(folder.In("broken/model.safetensors")));
        Assert.NotEqual(weights, File.ReadAllBytes(folder.In("full/model.safetensors")));

        // A few steps more: products in the type of the configuration, the good steps counted on.
        var longer = File.ReadAllText(folder.In("broken/config.json")).Replace("\"steps\": 10", "\"steps\": 14", StringComparison.Ordinal);
        File.WriteAllText(folder.In("broken/config.json"), longer);
        Assert.Equal(0, ProgramRun.Of("train", "--resume", folder.In("broken")).Code);
        var text = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(folder.In("broken/model.safetensors")));
        Assert.Contains("\"step\":\"14\"", text, StringComparison.Ordinal);
        Assert.Equal(precision == "f16", text.Contains("\"note.loss_scale\":\"", StringComparison.Ordinal));
        if (precision == "f16") Assert.Matches("\"note.loss_scale\":\"[0-9.]+ 14\"", text);
    }

    private static Process Start(string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(typeof(Commands.CommandTree).Assembly.Location);
        foreach (var a in args) start.ArgumentList.Add(a);
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}

internal static class ProcessWait
{
    public static int Wait(this Process process)
    {
        process.WaitForExit();
        return process.ExitCode;
    }
}
