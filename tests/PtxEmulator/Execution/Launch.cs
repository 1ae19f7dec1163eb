using Edifice.Engine.Cuda.Driver;
using PtxEmulator.Memory;
using PtxEmulator.Statistics;

namespace PtxEmulator.Execution;

/// <summary>One launch of a kernel.</summary>
internal sealed class Launch(KernelProgram program, LaunchShape shape, GlobalMemory memory, Region? parameters, uint serial, long stepLimit, KernelStatistics? statistics)
{
    public KernelProgram Program => program;
    public LaunchShape Shape => shape;
    public GlobalMemory Memory => memory;
    public Region? Parameters => parameters;

    /// <summary>Where to count; null if nobody asked.</summary>
    public KernelStatistics? Statistics => statistics;

    /// <summary>A block number no block has; the launch's blocks have those behind it.</summary>
    public uint Serial => serial;

    /// <summary>Steps after which a warp is taken to be in an endless loop.</summary>
    public long StepLimit => stepLimit;

    /// <summary>Runs all blocks, in order.</summary>
    public void Run()
    {
        var block = new Block(this);
        uint linear = 0;
        for (uint z = 0; z < shape.GridZ; z++)
        {
            for (uint y = 0; y < shape.GridY; y++)
            {
                for (uint x = 0; x < shape.GridX; x++) block.Run(x, y, z, linear++);
            }
        }

        statistics?.AddLaunch(linear, block.Steps, block.LaneSteps, block.Barriers);
    }
}

/// <summary>A kernel ready to run.</summary>
internal sealed class KernelProgram
{
    public required string Name { get; init; }
    public required Step[] Code { get; init; }
    public required int RegisterBytes { get; init; }
    public required int WatchedRegisters { get; init; }
    public required IReadOnlyList<(string Name, int Offset)> Specials { get; init; }

    /// <summary>Static shared memory with the gaps between variables, and what is gap.</summary>
    public required uint SharedBytes { get; init; }
    public required byte[] SharedStates { get; init; }

    /// <summary>Static shared memory as a card counts it.</summary>
    public required uint DeclaredSharedBytes { get; init; }
    public required int LocalBytes { get; init; }
    public required int ParameterBytes { get; init; }
    public required int MaxThreads { get; init; }
    public int[]? RequiredThreads { get; init; }
    public required ConstantPool Constants { get; init; }
    public Region? ConstMemory { get; init; }
}
