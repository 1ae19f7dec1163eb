using System.CommandLine;
using System.Globalization;
using Edifice.Engine;

namespace Edifice.Cli.Commands;

/// <summary><c>--device</c>: a device by its name.</summary>
internal static class DeviceOption
{
    private static readonly Dictionary<string, Func<Device>> s_named = new() { ["cpu"] = () => Device.Cpu, ["cuda"] = () => Device.Cuda };

    /// <summary>Adds a device under a name of its own: the build of the tests adds the emulated card.</summary>
    public static void Add(string name, Func<Device> device) => s_named.Add(name, device);

    public static Option<string> Build() => new("--device") { DefaultValueFactory = _ => "cpu", Description = "cpu, cuda, or cuda:N for another card than the first" };

    /// <exception cref="TensorException">No such device, or it cannot be had here.</exception>
    public static Device Find(string name)
    {
        if (s_named.TryGetValue(name, out var device)) return device();
        const string Card = "cuda:";
        return name.StartsWith(Card, StringComparison.Ordinal) && int.TryParse(name.AsSpan(Card.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            ? Device.CudaAt(index)
            : throw new TensorException($"there is no device '{name}': {string.Join(", ", s_named.Keys)} or cuda:N");
    }
}
