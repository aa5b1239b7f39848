import { Module } from '@nestjs/common';
import { openRoads, Roads } from './roads.js';

@Module({
  providers: [{ provide: Roads, useFactory: () => openRoads(process.env) }],
  exports: [Roads],
})
export class RoadsModule {}
