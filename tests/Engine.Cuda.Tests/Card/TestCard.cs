using Edifice.Engine.Backends;
using PtxEmulator;
using PtxEmulator.Libraries;

namespace Edifice.Engine.Cuda.Tests;

/// <summary>The card the tests run on: an emulated one, or card 0 of this machine where the variable says so.</summary>
internal static class TestCard
{
    /// <summary>Set to 1: the tests run on a real card.</summary>
    public const string RealCardVariable = "EDIFICE_TEST_GPU";

    private static readonly Lazy<Device> s_device = new(Open);

    private static readonly Lazy<Device> s_ampere = new(() => IsReal ? Device : Emulate(new EmulatedDriver { Capability = 80 }, CardIndex.EmulatedAmpere));

    /// <summary>True on a machine with a card that is to be used.</summary>
    public static bool IsReal => Environment.GetEnvironmentVariable(RealCardVariable) == "1";

    /// <summary>The card.</summary>
    public static Device Device => s_device.Value;

    /// <summary>A card with products of bfloat16: an emulated one of sm_80, or that of this machine.</summary>
    public static Device Ampere => s_ampere.Value;

    /// <summary>What the tests count on the emulated card; null on a real one.</summary>
    public static WatchedDriver? Watched { get; private set; }

    private static Device Open()
    {
        if (IsReal)
        {
            CudaBackend.Register();
            return Device.Cuda;
        }

        return Emulate(new EmulatedDriver(), CardIndex.Emulated);
    }

    private static Device Emulate(EmulatedDriver emulated, CardIndex index)
    {
        var watched = new WatchedDriver(emulated);
        if (index == CardIndex.Emulated) Watched = watched;
        BackendRegistry.Register(new CudaBackend(watched, new EmulatedBlas(emulated), new EmulatedFourier(emulated), (int)index));
        return Device.CudaAt((int)index);
    }
}
