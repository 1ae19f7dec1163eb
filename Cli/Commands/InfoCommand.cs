using System.CommandLine;
using System.Runtime.InteropServices;
using Edifice.Cli.Output;
using Edifice.Engine;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu;

namespace Edifice.Cli.Commands;

/// <summary><c>edifice info</c>: what this build and this machine have.</summary>
internal static class InfoCommand
{
    public static Command Build()
    {
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("info", "version, instruction sets, threads, devices, and why CUDA is or isn't there") { json };
        command.SetAction(parsed => Run(parsed.GetValue(json)));
        return command;
    }

    private static int Run(bool asJson)
    {
        var version = typeof(Tensor).Assembly.GetName().Version?.ToString(3) ?? "unknown";
        var runtime = RuntimeInformation.FrameworkDescription;
        var system = $"{RuntimeInformation.OSDescription} {RuntimeInformation.ProcessArchitecture}";
        var devices = BackendRegistry.Devices;
        var cuda = BackendRegistry.WhyAbsent(DeviceKind.Cuda);
        if (asJson)
        {
            JsonOut.Write(json =>
            {
                json.WriteStartObject();
                json.WriteString("version", version);
                json.WriteString("runtime", runtime);
                json.WriteString("system", system);
                json.WriteString("instruction_set", CpuBackend.InstructionSet);
                json.WriteNumber("threads", CpuBackend.Threads);
                json.WriteStartArray("devices");
                foreach (var d in devices) json.WriteStringValue(d.ToString());
                json.WriteEndArray();
                if (cuda is null) json.WriteNull("cuda_absent_because");
                else json.WriteString("cuda_absent_because", cuda);
                json.WriteEndObject();
            });
            return CommandTree.Done;
        }

        Terminal.Table(["what", "value"],
        [
            ["version", version],
            ["runtime", runtime],
            ["system", system],
            ["instruction set", CpuBackend.InstructionSet],
            ["threads", CpuBackend.Threads.ToString()],
            ["devices", string.Join(", ", devices)],
            ["cuda", cuda ?? "available"],
        ]);
        return CommandTree.Done;
    }
}
