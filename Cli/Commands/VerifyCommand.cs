using System.CommandLine;
using Edifice.Attention.Checking;
using Edifice.Cli.Output;
using Edifice.Engine;
using Edifice.Engine.Checking;
using Edifice.Nn;

namespace Edifice.Cli.Commands;

/// <summary><c>edifice verify</c>: golden files (ops, blocks, training runs), one line each.</summary>
internal static class VerifyCommand
{
    public static Command Build()
    {
        var files = new Argument<string[]>("files") { Arity = ArgumentArity.OneOrMore, Description = "golden .safetensors files" };
        var dtype = new Option<string>("--dtype") { DefaultValueFactory = _ => "f64", Description = "f64 or f32" };
        dtype.AcceptOnlyFromAmong("f64", "f32");
        var device = DeviceOption.Build();
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("verify", "compare with golden files: ok, or the worst tensor, both values and the tolerance") { files, dtype, device, json };
        command.SetAction(parsed => Run(
            parsed.GetValue(files)!, parsed.GetValue(dtype) == "f32" ? DType.Float32 : DType.Float64,
            DeviceOption.Find(parsed.GetValue(device)!), parsed.GetValue(json)));
        return command;
    }

    private static int Run(string[] files, DType dtype, Device device, bool asJson)
    {
        NnOps.Register();
        var results = new List<(string File, bool Ok, string Report)>();
        foreach (var file in files)
        {
            var (ok, report) = Verify(file, dtype, device);
            results.Add((file, ok, report));
            if (!asJson) Console.WriteLine(ok ? $"{file}: ok" : $"{file}: FAIL {report}");
        }

        if (asJson)
            JsonOut.Write(json =>
            {
                json.WriteStartArray();
                foreach (var (file, ok, report) in results)
                {
                    json.WriteStartObject();
                    json.WriteString("file", file);
                    json.WriteBoolean("ok", ok);
                    json.WriteString("report", report);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            });
        return results.All(r => r.Ok) ? CommandTree.Done : CommandTree.CheckFailed;
    }

    private static (bool Ok, string Report) Verify(string path, DType dtype, Device device)
    {
        try
        {
            using var scope = Tensor.Scope();
            using var file = GoldenFile.Open(path);
            var verdict = file.Op is not null ? GoldenRunner.RunOp(file, dtype, device) : BlockGolden.Run(file, dtype, device);
            return (verdict.Agrees, verdict.Report);
        }
        catch (Exception e) when (e is TensorException or IOException)
        {
            return (false, e.Message.ReplaceLineEndings(" "));
        }
    }
}
